// SPDX-License-Identifier: MIT
// scripts/slurm/sweep_array.sbatch on a real Slurm: munged, slurmctld and slurmd of this machine,
// started for the test in a folder of its own.
#include "small_sweep.h"

#include <unistd.h>

using ff::test::kTrain;
using ff::test::losses;
using ff::test::plan;
using ff::test::run;
using ff::test::TemporaryFolder;

namespace {

// MUNGE and slurmd run as root; munged wants files of its own user.
constexpr const char* kStart = R"(
set -e
dir=$1
host=$(hostname)
mkdir -p $dir/state $dir/spool $dir/munge
dd if=/dev/urandom of=$dir/munge/key bs=1024 count=1 2>/dev/null
chmod 400 $dir/munge/key
chmod 755 $dir/munge
munged --force --key-file=$dir/munge/key --socket=$dir/munge/socket --pid-file=$dir/munge/pid \
  --log-file=$dir/munge/log --seed-file=$dir/munge/seed
cat >$dir/slurm.conf <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket=$dir/munge/socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
slurmctld -f $dir/slurm.conf
slurmd -f $dir/slurm.conf
)";

constexpr const char* kStop = R"(
dir=$1
for d in slurmd slurmctld; do test -f $dir/$d.pid && kill $(cat $dir/$d.pid); done
test -f $dir/munge/pid && kill $(cat $dir/munge/pid)
true
)";

}  // namespace

TEST_CASE("a Slurm job array trains a sweep, a shard in each task", "[e2e][slow]") {
  const TemporaryFolder folder;
  for (const std::string program : {"munged", "slurmctld", "slurmd", "sbatch", "srun"}) {
    if (run("command -v " + program, folder.path()).exit_code != 0 || ::geteuid() != 0) {
      WARN("skipped: it takes root and Debian's slurm-wlm and munge; no " << program);
      return;
    }
  }
  REQUIRE(run(plan("[1e9,2e9]", "[[8,16,24],[8,16,24]]") + "output_dir=alone", folder.path())
              .exit_code == 0);
  std::filesystem::copy(folder / "alone", folder / "array");
  REQUIRE(run(kTrain + "output_dir=alone", folder.path()).exit_code == 0);

  const std::string slurm = (folder / "slurm").string();
  ff::test::write_text(folder / "start.sh", kStart);
  ff::test::write_text(folder / "stop.sh", kStop);
  const auto started = run("sh start.sh " + slurm, folder.path());
  INFO(started.err);
  const auto submitted =
      run("export SLURM_CONF=" + slurm +
              "/slurm.conf FLOPS_FIT_BIN=" + ff::test::shell_quoted(ff::test::bin_dir()) +
              "; for i in $(seq 50); do sinfo -h -o %t | grep -q idle "
              "&& break; sleep 0.2; done; sbatch --wait --array=0-3 --mem-per-cpu=0 " +
              ff::test::shell_quoted(ff::test::source_dir() / "scripts/slurm/sweep_array.sbatch") +
              " -q evaluation.tokens=4000 output_dir=array; r=$?; cat slurm-*.out; exit $r",
          folder.path());
  const auto stopped = run("sh stop.sh " + slurm, folder.path());
  INFO(submitted.out << submitted.err);
  REQUIRE(started.exit_code == 0);
  CHECK(submitted.exit_code == 0);
  CHECK(losses(folder / "array/results.json") == losses(folder / "alone/results.json"));
  // Each of the four tasks trained its own part.
  int tasks = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().filename().string().starts_with("slurm-")) {
      ++tasks;
      CHECK_THAT(ff::test::read_text(entry.path()),
                 ContainsSubstring("1 completed") || ContainsSubstring("2 completed"));
    }
  }
  CHECK(tasks == 4);
}
