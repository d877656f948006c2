// SPDX-License-Identifier: MIT
// Several ff-train on one folder: those that want the same share it, others refuse, also where
// machines do not see each other's locks.
#include "support/mounts.h"
#include "small_sweep.h"

#include "flops_fit/io/json.h"

using ff::io::Json;
using ff::test::kTrain;
using ff::test::lines;
using ff::test::losses;
using ff::test::plan;
using ff::test::read_text;
using ff::test::run;
using ff::test::run_with_mounts;
using ff::test::TemporaryFolder;
using ff::test::wait_for_metrics;

TEST_CASE("fault: two ff-train of different configurations on one folder", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[2e10]", "[[8,16]]"), folder.path()).exit_code == 0);
  const auto both =
      run("( exec " + kTrain + " trainer.log_every=2 ) & p=$!; " +
              wait_for_metrics("outputs/runs/exp_0000", 2) +
              "kill -STOP $p; ff-train -q mode=mock 2>mock; echo mock $?; " + kTrain +
              "trainer.seed=5 run.replace=true 2>seed; echo seed $?; kill -CONT $p; wait $p; "
              "echo first $?",
          folder.path());
  INFO(both.err);
  CHECK_THAT(both.out, ContainsSubstring("mock 2\n"));
  CHECK_THAT(both.out, ContainsSubstring("seed 2\n"));
  CHECK_THAT(both.out, ContainsSubstring("first 0\n"));
  CHECK_THAT(read_text(folder / "seed"),
             ContainsSubstring("is at work in this folder with another configuration or plan"));
  CHECK(lines(read_text(folder / "seed")) == 1);
  CHECK(losses(folder / "outputs/results.json").size() == 2);
  for (const auto& r : ff::io::read_results(folder / "outputs/results.json")) {
    CHECK(r.completed());
  }
  CHECK_FALSE(std::filesystem::exists(folder / "outputs/replaced"));
}

TEST_CASE("machines that do not see each other's locks do not run one experiment twice", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run("ff-plan -q 'compute.budgets=[1e18,1e19,1e20,1e21,1e22]' compute.num_model_sizes=8 "
              "hardware.predict_time=off --config-name=presets/chinchilla",
              folder.path())
              .exit_code == 0);
  const size_t planned = Json::parse(read_text(folder / "outputs/sweep.json")).size();
  // Each machine has a start of its own, and a process number that another one has, too.
  const auto all = run_with_mounts(
      "for i in 1 2 3 4; do echo 0000000$i-0000-0000-0000-000000000000 >boot$i; "
      "FF_PRIVATE_LOCKS=1 FF_FSYNC_MS=2 LD_PRELOAD=" FF_HOSTILE_SYSTEM
      " unshare -m -p -f sh -c \"mount --bind boot$i /proc/sys/kernel/random/boot_id && exec "
      "ff-train --config-name=presets/chinchilla -q --json\" >out$i 2>err$i & ps=\"$ps $!\"; done; "
      "r=0; for p in $ps; do wait $p || r=1; done; exit $r",
      folder.path());
  if (!all) {
    return;
  }
  int64_t completed = 0;
  for (const std::string i : {"1", "2", "3", "4"}) {
    INFO(read_text(folder / ("err" + i)));
    CHECK(read_text(folder / ("err" + i)).empty());
    completed += Json::parse(read_text(folder / ("out" + i)))["completed"].get<int64_t>();
  }
  CHECK(all->exit_code == 0);
  CHECK(completed == static_cast<int64_t>(planned));
  CHECK(losses(folder / "outputs/results.json").size() == planned);
  CHECK(ff::test::half_written(folder / "outputs").empty());
}

TEST_CASE("who keeps results.json for himself does not keep a stopped sweep from ending", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[2e10]", "[[8,16]]"), folder.path()).exit_code == 0);
  std::filesystem::create_directories(folder / "outputs/runs");
  const auto stopped =
      run("flock outputs/runs/.results.lock sleep 60 & holder=$!; ( exec " + kTrain +
              " trainer.log_every=2 ) & p=$!; " + wait_for_metrics("outputs/runs/exp_0000", 2) +
              "s=$(date +%s); kill -TERM $p; wait $p; r=$?; echo took $(($(date +%s) - s)); "
              "pkill -P $holder; kill $holder; exit $r",
          folder.path());
  INFO(stopped.err << stopped.out);
  CHECK(stopped.exit_code == 143);
  CHECK(lines(stopped.err) >= 1);
  CHECK_THAT(stopped.err, ContainsSubstring("results.json was not written"));
  int took = 100;
  CHECK(std::sscanf(stopped.out.c_str() + stopped.out.find("took"), "took %d", &took) == 1);
  CHECK(took < 20);
  CHECK(run(kTrain, folder.path()).exit_code == 0);
}
