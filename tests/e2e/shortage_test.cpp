// SPDX-License-Identifier: MIT
// Too little of something: descriptors, processes, time between a signal and a claim. What runs
// is saved, and with less at once the sweep goes on.
#include "small_sweep.h"

#include "flops_fit/io/json.h"

#include <random>

using ff::io::Json;
using ff::test::kTrain;
using ff::test::lines;
using ff::test::losses;
using ff::test::plan;
using ff::test::run;
using ff::test::TemporaryFolder;
using ff::test::wait_for_metrics;

namespace {

const std::string kHostile = "LD_PRELOAD=" FF_HOSTILE_SYSTEM " ";

/// Signals at random moments while runs are claimed, which takes long, as each file takes long to
/// be synced. Whatever comes out is whole.
void stop_while_claiming(int times) {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8,16,24,32]]"), folder.path()).exit_code == 0);
  const std::string train = kTrain + "hardware.num_threads=4 ";
  REQUIRE(run(train, folder.path()).exit_code == 0);
  const auto truth = losses(folder / "outputs/results.json");
  std::mt19937 generator(1);
  std::uniform_real_distribution<double> moment(0.3, 2.0);
  const std::vector<std::pair<std::string, int>> signals = {
      {"INT", 130}, {"TERM", 143}, {"HUP", 129}};
  for (int i = 0; i < times; ++i) {
    const auto& [signal, code] = signals[static_cast<size_t>(i) % signals.size()];
    std::filesystem::remove_all(folder / "outputs/runs");
    std::filesystem::remove(folder / "outputs/results.json");
    const auto stopped =
        run("( FF_FSYNC_MS=25 " + kHostile + "exec " + train + ") & p=$!; sleep " +
                std::to_string(moment(generator)) + "; kill -" + signal + " $p; wait $p",
            folder.path());
    INFO(i << " " << signal << ": " << stopped.exit_code << " " << stopped.err);
    CHECK((stopped.exit_code == code || stopped.exit_code == 0 || stopped.exit_code == 4));
    if (i % 10 == 0) {
      REQUIRE(run(train, folder.path()).exit_code == 0);
      CHECK(losses(folder / "outputs/results.json") == truth);
    }
  }
  REQUIRE(run(train, folder.path()).exit_code == 0);
  CHECK(losses(folder / "outputs/results.json") == truth);
}

}  // namespace

TEST_CASE("a stop signal while runs are claimed ends the sweep in good order", "[e2e]") {
  stop_while_claiming(2);
}

TEST_CASE("two hundred stop signals while runs are claimed", "[e2e][slow]") {
  stop_while_claiming(200);
}

TEST_CASE("fault: few descriptors, or no more processes", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8,16,24]]"), folder.path()).exit_code == 0);
  const std::string train = kTrain + "hardware.num_threads=32 ";
  REQUIRE(run(train, folder.path()).exit_code == 0);
  const auto truth = losses(folder / "outputs/results.json");
  const auto again = [&](const std::string& command) {
    std::filesystem::remove_all(folder / "outputs/runs");
    std::filesystem::remove(folder / "outputs/results.json");
    return run(command, folder.path());
  };
  const auto few = again("ulimit -n 31; " + train);
  INFO(few.err);
  CHECK(few.exit_code == 0);
  CHECK_THAT(few.err, ContainsSubstring("has room for 2 experiments at once"));
  CHECK(losses(folder / "outputs/results.json") == truth);
  // A low soft limit is raised.
  const auto raised = again("ulimit -S -n 31; " + train);
  CHECK(raised.exit_code == 0);
  CHECK(raised.err.empty());

  // Two workers start, the third does not: it waits until there is room.
  for (const std::string spawns : {"3", "2"}) {
    const auto fewer = again("FF_SPAWNS=" + spawns + " " + kHostile + train);
    INFO(spawns << fewer.err);
    if (spawns == "3") {
      CHECK(fewer.exit_code == 0);
      CHECK(fewer.err.empty());
      CHECK(losses(folder / "outputs/results.json") == truth);
    } else {  // the two end, and then none can be started
      CHECK(fewer.exit_code == 1);
      CHECK_THAT(fewer.err, ContainsSubstring("No more than 2 run at once from here on"));
      CHECK_THAT(fewer.err, ContainsSubstring("cannot start a worker"));
      CHECK(losses(folder / "outputs/results.json").size() == 2);
    }
  }
  const auto none = again("FF_SPAWNS=0 " + kHostile + train);
  CHECK(none.exit_code == 1);
  CHECK(lines(none.err) == 1);
  CHECK_THAT(none.err, ContainsSubstring("cannot start a worker"));
  CHECK(run(train, folder.path()).exit_code == 0);
  CHECK(losses(folder / "outputs/results.json") == truth);
}
