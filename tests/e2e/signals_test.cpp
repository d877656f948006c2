// SPDX-License-Identifier: MIT
// Signals other than those of a stop by hand, and descriptors that are closed at the start.
#include "small_sweep.h"

#include "flops_fit/io/json.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/hash.h"
#include "flops_fit/util/machine.h"

#include <string>

using ff::test::kTrain;
using ff::test::losses;
using ff::test::plan;
using ff::test::read_text;
using ff::test::run;
using ff::test::TemporaryFolder;
using ff::test::wait_for_metrics;
using ff::test::write_text;

namespace fs = std::filesystem;

TEST_CASE("fault: a terminal that closes", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[6e10]", "[[16,24]]"), folder.path()).exit_code == 0);
  const std::string train = kTrain + "trainer.log_every=3 trainer.checkpoint_every=0 ";
  const std::string start = "( exec " + train + " ) & p=$!; ";
  const auto stopped =
      run(start + wait_for_metrics("outputs/runs/exp_0001", 3) + "kill -HUP $p; wait $p",
          folder.path());
  INFO(stopped.err);
  CHECK(stopped.exit_code == 129);
  CHECK_THAT(stopped.err, ContainsSubstring("stopping:"));
  CHECK(ff::test::half_written(folder / "outputs").empty());
  CHECK(fs::exists(folder / "outputs/results.json"));
  CHECK(fs::exists(folder / "outputs/runs/exp_0001/checkpoint/state.json"));
  // With nohup it goes on, and ends what was begun.
  const auto kept =
      run("( exec nohup " + train + " ) & p=$!; sleep 0.3; kill -HUP $p; wait $p", folder.path());
  INFO(kept.err);
  CHECK(kept.exit_code == 0);
  CHECK(losses(folder / "outputs/results.json").size() == 2);
}

TEST_CASE("a time limit that signals twice at once lets ff-train save", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[6e10]", "[[16,24]]"), folder.path()).exit_code == 0);
  const std::string train = kTrain + "trainer.log_every=3 trainer.checkpoint_every=0 ";
  // What timeout(1) does, and with SIGTERM and SIGHUP systemd. Of two signals that wait, the one
  // with the lower number comes first, which is SIGHUP.
  for (const std::string pair : {"kill -TERM $p; kill -TERM $p", "kill -TERM $p; kill -HUP $p"}) {
    const auto stopped = run("( exec " + train + " ) & p=$!; " +
                                 wait_for_metrics("outputs/runs/exp_0001", 3) + pair + "; wait $p",
                             folder.path());
    INFO(pair << ": " << stopped.err);
    CHECK((stopped.exit_code == 143 || stopped.exit_code == 129));
    CHECK_THAT(stopped.out, ContainsSubstring("2 left"));
    CHECK(fs::exists(folder / "outputs/runs/exp_0001/checkpoint/state.json"));
    fs::remove_all(folder / "outputs/runs");
  }
}

TEST_CASE("a limit on the size of files is an error and no death", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[2e9]", "[[16,24]]"), folder.path()).exit_code == 0);
  const auto limited = run("ulimit -f 4; " + kTrain, folder.path());
  INFO(limited.out << limited.err);
  CHECK(limited.exit_code == 1);
  CHECK_THAT(limited.err, ContainsSubstring("File too large"));
  CHECK_THAT(limited.err, !ContainsSubstring("killed by signal"));
  const auto again = run(kTrain, folder.path());
  INFO(again.err);
  CHECK(again.exit_code == 0);
  CHECK(losses(folder / "outputs/results.json").size() == 2);
}

TEST_CASE("what a killed program was writing goes with its next call", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run("ff-plan -q --config-name=presets/chinchilla", folder.path()).exit_code == 0);
  REQUIRE(run("ff-train -q --config-name=presets/chinchilla", folder.path()).exit_code == 0);
  REQUIRE(run("ff-analyze -q", folder.path()).exit_code == 0);
  // What TemporaryFile leaves: its writer's start of this machine, and nobody holds it.
  const std::string end =
      ".h-" + ff::hash_text(ff::fnv1a(ff::boot_id())) + ".1.0123456789abcdef.tmp";
  const std::vector<fs::path> left = {folder / ("outputs/.sweep.json" + end),
                                      folder / ("outputs/runs/.sweep/.turn" + end),
                                      folder / ("outputs/analysis/.report.md" + end),
                                      folder / ("outputs/plots/.x.png" + end)};
  for (const fs::path& file : left) {
    write_text(file, "half");
  }
  CHECK(run("ff-plan -q --config-name=presets/chinchilla && ff-train -q "
            "--config-name=presets/chinchilla && ff-analyze -q && ff-visualize -q plots.dpi=60 "
            "plots.figures=[isoflops_curves]",
            folder.path())
            .exit_code == 0);
  CHECK(ff::test::half_written(folder / "outputs").empty());
}

TEST_CASE("a stop signal is heard while a plan comes through a pipe that says nothing", "[e2e]") {
  const TemporaryFolder folder;
  const auto stopped =
      run("mkfifo pipe; sleep 100 >pipe & s=$!; ( exec ff-train -q mode=mock "
          "paths.sweep=pipe ) & p=$!; sleep 1.5; kill -TERM $p; wait $p; r=$?; "
          "kill $s; exit $r",
          folder.path());
  CHECK(stopped.exit_code == 143);
}

TEST_CASE("standard descriptors that are closed at the start are nobody's file", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[2e9]", "[[16,24]]"), folder.path()).exit_code == 0);
  REQUIRE(
      run(kTrain + "output_dir=whole paths.sweep=outputs/sweep.json", folder.path()).exit_code ==
      0);
  const auto whole = losses(folder / "whole/results.json");
  REQUIRE(whole.size() == 2);
  int number = 0;
  for (const std::string closed : {"<&- >&- 2>&-"}) {
    INFO(closed);
    const std::string name = "out" + std::to_string(number++);
    // -v, so that there is something to go astray.
    const std::string train = "ff-train -v evaluation.tokens=4000 paths.sweep=outputs/sweep.json " +
                              std::string("output_dir=") + name + " " + closed;
    // A second one finds the locks of the first, or its results.
    const auto both =
        run(train + " & p=$!; " + train + "; r=$?; wait $p && exit $r", folder.path());
    INFO(both.err);
    CHECK(both.exit_code == 0);
    CHECK(losses(folder / (name + "/results.json")) == whole);
    for (const auto& entry : fs::recursive_directory_iterator(folder / name)) {
      const std::string file = entry.path().filename().string();
      if (!entry.is_regular_file() || !(file.ends_with(".jsonl") || file.ends_with(".json"))) {
        continue;
      }
      INFO(entry.path());
      const std::string text = read_text(entry.path());
      if (file.ends_with(".json")) {
        CHECK_NOTHROW(ff::io::parse_json(text));
      }
      for (size_t begin = 0; file.ends_with(".jsonl") && begin < text.size();) {
        const size_t end = std::min(text.find('\n', begin), text.size());
        CHECK_NOTHROW(ff::io::parse_json(text.substr(begin, end - begin)));
        begin = end + 1;
      }
    }
    for (const std::string run_id : {"exp_0000", "exp_0001"}) {
      CHECK(ff::test::lines(read_text(folder / (name + "/runs/" + run_id + "/metrics.jsonl"))) ==
            ff::test::lines(read_text(folder / ("whole/runs/" + run_id + "/metrics.jsonl"))));
    }
  }
  for (const std::string program :
       {"ff-plan -v --json", "ff-plan -v", "ff-analyze -v paths.results=whole/results.json"}) {
    INFO(program);
    const auto all = run(program + " output_dir=p <&- >&- 2>&-", folder.path());
    const auto open = run(program + " output_dir=q", folder.path());
    CHECK(all.exit_code == open.exit_code);
  }
  CHECK_NOTHROW(ff::io::parse_json(read_text(folder / "p/sweep.json")));
}
