// SPDX-License-Identifier: MIT
// The flag --multirun: no job writes where another one did, and no stop signal is lost.
#include "desk.h"
#include "support/catch.h"

#include <algorithm>
#include <filesystem>
#include <string>

namespace {

namespace fs = std::filesystem;
using ff::test::Desk;

/// Files called sweep.json below a folder.
int64_t sweeps_in(const fs::path& folder) {
  int64_t count = 0;
  if (fs::exists(folder)) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      count += entry.path().filename() == "sweep.json" ? 1 : 0;
    }
  }
  return count;
}

}  // namespace

TEST_CASE("multiruns that start in one second have a folder each", "[config]") {
  const Desk desk;
  // Four at once: most of them start in the same second.
  const auto outcome = desk.shell(
      "for i in 1 2 3 4; do $ff -q -m seed=6,6 tolerance=0.$i & p=\"$p $!\"; done; "
      "for i in $p; do wait $i || exit; done");
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(sweeps_in(desk.folder / "multirun") == 8);
  // The same below a folder that hydra.run.dir names.
  const auto inside = desk.shell(
      "for i in 1 2 3 4; do $ff -q -m hydra.run.dir=deep seed=6,6 & p=\"$p $!\"; done; "
      "for i in $p; do wait $i || exit; done");
  INFO(inside.err);
  CHECK(inside.code == 0);
  CHECK(sweeps_in(desk.folder / "deep/multirun") == 8);
}

TEST_CASE("a sweep whose jobs would overwrite each other is refused before the first", "[config]") {
  const Desk desk;
  const auto refused = [&](const std::string& arguments, const std::string& advice) {
    const auto outcome = desk.shell("$ff -q -m " + arguments);
    INFO(arguments << ": " << outcome.err);
    CHECK(outcome.code == 2);
    CHECK_THAT(outcome.err, ContainsSubstring("the jobs #0 and #1 would both write"));
    CHECK_THAT(outcome.err, ContainsSubstring(advice));
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    CHECK(outcome.out.empty());
  };
  refused("seed=6,7 output_dir=same", "output_dir='.../${seed}'");
  refused("seed=6,7 output_dir=same,./other/../same", "Leave output_dir out");
  refused("seed=6,7 output.sweep_path=same.json", "output.sweep_path='.../${seed}'");
  refused("seed=6,7 output_dir=$PWD/same hydra.run.dir='run/${seed}'", "output_dir");
  refused("seed=6,7 hydra.output_subdir=.hydra", "hydra.output_subdir");
  refused("compute.num_budgets=3,4 output_dir=same", "'.../${compute.num_budgets}'");
  fs::create_directory(desk.folder / "same");
  fs::create_directory_symlink("same", desk.folder / "link");
  refused("output_dir=same,link", "would both write");
  CHECK_FALSE(fs::exists(desk.folder / "same/sweep.json"));
  CHECK_FALSE(fs::exists(desk.folder / "multirun"));
  // What differs is taken, and what writes nothing.
  for (const std::string arguments :
       {"seed=6,7 'output_dir=mine/${seed}'",
        "seed=6 output_dir=mine,yours",
        "seed=6,7 output_dir=same 'hydra.run.dir=run/${seed}'",
        "seed=6,7 output_dir=same --cfg job",
        "seed=6,7 output_dir=same --dry-run",
        "seed=6,7 output_dir=mine 'output.sweep_path=x/${seed}.json'"}) {
    const auto outcome = desk.shell(std::string("$ff -q -m ") + arguments);
    INFO(arguments << ": " << outcome.err);
    CHECK(outcome.code == 0);
  }
  CHECK(desk.shell("$ff -q -m seed=7,8").code == 0);
  CHECK_FALSE(fs::exists(desk.folder / "multirun"));  // they wrote nothing
}

TEST_CASE("a stop signal ends a multirun with its job", "[config]") {
  const Desk desk;
  for (const std::string signal : {"TERM", "INT", "HUP"}) {
    // Job 0 sleeps for half a minute; job 1 must not start.
    const auto outcome = desk.shell("setsid $ff -m seed=5,6 output_dir='" + signal +
                                    "/${seed}' & p=$!; until ls " + signal +
                                    "/5/.*.tmp >/dev/null 2>&1; do sleep 0.02; done; "
                                    "kill -" +
                                    signal +
                                    " $p; s=$(date +%s%N); wait $p; r=$?; "
                                    "echo took $(( ($(date +%s%N) - s) / 1000000000 )); exit $r");
    INFO(outcome.err);
    CHECK(outcome.code == (signal == "TERM" ? 143 : signal == "INT" ? 130 : 129));
    CHECK(outcome.out == "took 0\n");
    CHECK(fs::is_empty(desk.folder / (signal + "/5")));
    CHECK(sweeps_in(desk.folder / signal) == 0);
  }
}

TEST_CASE("a job does not outlive a multirun that is killed", "[config]") {
  const Desk desk;
  const auto outcome = desk.shell(
      "setsid $ff -m seed=5,6 output_dir='killed/${seed}' & p=$!; until ls killed/5/.*.tmp "
      ">/dev/null 2>&1; do sleep 0.02; done; kill -KILL $p; wait $p; for i in $(seq 100); do ls "
      "killed/5/.*.tmp >/dev/null 2>&1 || break; sleep 0.05; done; ls -A killed/5");
  INFO(outcome.err);
  CHECK(outcome.out.empty());  // its temporary file went with it
}

TEST_CASE("a stop signal at any moment of a multirun is heard", "[config]") {
  const Desk desk;
  // Jobs of a few milliseconds: the signal comes while one starts, runs, or has just ended.
  for (int ms = 100; ms < 250; ms += 10) {
    const auto outcome =
        desk.shell("$ff -q -m 'seed=range(100,300)' & p=$!; sleep 0." + std::to_string(ms) +
                   "; kill -TERM $p; s=$(date +%s%N); wait $p; r=$?; "
                   "echo took $(( ($(date +%s%N) - s) / 1000000000 )); exit $r");
    INFO(outcome.err);
    CHECK(outcome.code == 143);
    CHECK_THAT(outcome.out, ContainsSubstring("took 0\n"));
  }
}
