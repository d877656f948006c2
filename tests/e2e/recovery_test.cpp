// SPDX-License-Identifier: MIT
// Stopping, killing and sharing a sweep: what comes out must not depend on it.
#include "small_sweep.h"

#include "flops_fit/io/json.h"
#include "flops_fit/io/metrics.h"
#include "flops_fit/io/safetensors.h"
#include "flops_fit/util/atomic_file.h"

#include <random>
#include <regex>

using ff::io::Json;
using ff::test::kTrain;
using ff::test::losses;
using ff::test::plan;
using ff::test::read_text;
using ff::test::run;
using ff::test::TemporaryFolder;
using ff::test::wait_for_metrics;

TEST_CASE("fault: ff-train and its worker are killed", "[e2e]") {
  const TemporaryFolder folder;
  for (const std::string engine : {"fused", "eager"}) {
    const std::string train =
        kTrain + "engine=" + engine + " output_dir=" + engine + " trainer.log_every=2 ";
    // Long enough to be killed in the middle, also on a fast machine.
    const std::string budget = engine == "fused" ? "[2e10]" : "[6e9]";
    REQUIRE(run(plan(budget, "[[16]]") + "output_dir=" + engine, folder.path()).exit_code == 0);
    REQUIRE(run(train, folder.path()).exit_code == 0);
    const auto undisturbed = losses(folder / (engine + "/results.json"));
    const auto whole = ff::io::read_metrics(folder / (engine + "/runs/exp_0000/metrics.jsonl"));
    std::filesystem::remove_all(folder / (engine + "/runs"));

    // The worker is killed before it can learn that ff-train was.
    static_cast<void>(run(train + "trainer.checkpoint_every=7 & p=$!; " +
                              wait_for_metrics(engine + "/runs/exp_0000", 8) +
                              "kill -STOP $p; pkill -9 -f -- '--worker " + engine +
                              "/runs/exp_[0]000'; kill -9 $p; wait",
                          folder.path()));
    const auto state =
        Json::parse(read_text(folder / (engine + "/runs/exp_0000/checkpoint/state.json")));
    CHECK(state["step"].get<int64_t>() % 7 == 0);
    CHECK(state["data"]["next_step"] == state["step"]);
    const std::string tensors = ff::read_file(folder / (engine + "/runs/exp_0000/checkpoint") /
                                              state["tensors"].get<std::string>());
    const auto stored = ff::io::parse_safetensors(tensors, "checkpoint");
    CHECK(stored.tensors.at("embedding").shape.size() == 2);
    CHECK(stored.tensors.contains("adam.second.layers.0.qkv"));

    const auto resumed = run(train + "output.keep_weights=true --json", folder.path());
    REQUIRE(resumed.exit_code == 0);
    CHECK(losses(folder / (engine + "/results.json")) == undisturbed);
    // It went on: it did not start anew.
    const double spent = Json::parse(resumed.out)["training_flops"];
    CHECK(spent < 0.99 * ff::io::read_results(folder / (engine + "/results.json"))[0].actual_flops);
    // Each line of the metrics stands once, and says the same.
    const std::string log = read_text(folder / (engine + "/runs/exp_0000/metrics.jsonl"));
    const auto lines = ff::io::read_metrics(folder / (engine + "/runs/exp_0000/metrics.jsonl"));
    CHECK(static_cast<size_t>(std::count(log.begin(), log.end(), '\n')) == whole.size());
    REQUIRE(lines.size() == whole.size());
    for (size_t i = 0; i < lines.size(); ++i) {
      CHECK(lines[i].step == whole[i].step);
      CHECK(lines[i].train_loss == whole[i].train_loss);
    }
    CHECK_FALSE(std::filesystem::exists(folder / (engine + "/runs/exp_0000/checkpoint")));
    const std::string weights =
        ff::read_file(folder / (engine + "/runs/exp_0000/weights.safetensors"));
    CHECK(ff::io::parse_safetensors(weights, "weights").tensors.contains("output"));
  }
}

TEST_CASE("fault: a stop signal", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[6e10]", "[[16,24]]"), folder.path()).exit_code == 0);
  const std::string train = kTrain + "trainer.log_every=3 trainer.checkpoint_every=0 ";
  struct Case {
    std::string signal;
    int code;
  };
  for (const Case& c : {Case{"INT", 130}, Case{"TERM", 143}}) {
    const auto stopped =
        run("( exec " + train + " ) & p=$!; " + wait_for_metrics("outputs/runs/exp_0001", 3) +
                "kill -" + c.signal + " $p; wait $p",
            folder.path());
    INFO(stopped.err);
    CHECK(stopped.exit_code == c.code);
    CHECK_THAT(stopped.err, ContainsSubstring("stopping:"));
    CHECK_THAT(stopped.out, ContainsSubstring("2 left"));
    CHECK(ff::test::half_written(folder / "outputs").empty());
    CHECK(ff::io::read_results(folder / "outputs/results.json").empty());
    CHECK(std::filesystem::exists(folder / "outputs/runs/exp_0001/checkpoint/state.json"));
    std::filesystem::remove_all(folder / "outputs/runs");
  }
  const auto twice =
      run("( exec " + train + " ) & p=$!; " + wait_for_metrics("outputs/runs/exp_0001", 5) +
              "kill -TERM $p; kill -TERM $p; s=$(date +%s%N); wait $p; r=$?; "
              "echo took $(( ($(date +%s%N) - s) / 1000000 )); exit $r",
          folder.path());
  CHECK(twice.exit_code == 143);
  std::smatch took;
  REQUIRE(std::regex_search(twice.out, took, std::regex("took (\\d+)")));
  CHECK(std::stoi(took[1]) < 2000);
  REQUIRE(run(train, folder.path()).exit_code == 0);
  CHECK(losses(folder / "outputs/results.json").size() == 2);
}

TEST_CASE("fault: eight ff-train on one folder", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run("ff-plan -q 'compute.budgets=[1e18,1e19,1e20,1e21,1e22]' compute.num_model_sizes=8 "
              "hardware.predict_time=off --config-name=presets/chinchilla",
              folder.path())
              .exit_code == 0);
  const size_t planned = Json::parse(read_text(folder / "outputs/sweep.json")).size();
  REQUIRE(planned >= 35);
  const auto all = run(
      "for i in 1 2 3 4 5 6 7 8; do ff-train --config-name=presets/chinchilla -q --json >out$i & "
      "ps=\"$ps $!\"; done; r=0; for p in $ps; do wait $p || r=1; done; exit $r",
      folder.path());
  INFO(all.err);
  CHECK(all.exit_code == 0);
  int64_t completed = 0;
  for (int i = 1; i <= 8; ++i) {
    const Json numbers = Json::parse(read_text(folder / ("out" + std::to_string(i))));
    completed += numbers["completed"].get<int64_t>();
    CHECK(numbers["completed"].get<int64_t>() + numbers["kept"].get<int64_t>() ==
          static_cast<int64_t>(planned));
    CHECK(numbers["failed"] == 0);
    CHECK(numbers["left"] == 0);
  }
  CHECK(completed == static_cast<int64_t>(planned));
  CHECK(losses(folder / "outputs/results.json").size() == planned);
  CHECK(ff::test::half_written(folder / "outputs").empty());
}

TEST_CASE("two ff-train share a real sweep, and shards divide one", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9,2e9]", "[[8,16],[8,16]]") + "output_dir=alone", folder.path()).exit_code ==
          0);
  std::filesystem::copy(folder / "alone", folder / "shared");
  std::filesystem::copy(folder / "alone", folder / "shards");
  REQUIRE(run(kTrain + "output_dir=alone", folder.path()).exit_code == 0);
  const auto truth = losses(folder / "alone/results.json");
  REQUIRE(truth.size() == 4);

  const std::string half = kTrain + "hardware.num_threads=1 --json output_dir=shared ";
  const auto both =
      run(half + ">a & p=$!; " + half + ">b; r=$?; wait $p && exit $r", folder.path());
  INFO(both.err);
  CHECK(both.exit_code == 0);
  CHECK(losses(folder / "shared/results.json") == truth);
  const auto a = Json::parse(read_text(folder / "a"));
  const auto b = Json::parse(read_text(folder / "b"));
  CHECK(a["completed"].get<int>() + b["completed"].get<int>() == 4);

  // Shards need no real training.
  const std::string mock = "ff-train -q mode=mock output_dir=shards --json ";
  REQUIRE(run(mock, folder.path()).exit_code == 0);
  const auto whole = losses(folder / "shards/results.json");
  std::filesystem::remove_all(folder / "shards/runs");
  for (const std::string shard : {"2/3", "0/3", "1/3"}) {
    const auto part = run(mock + "run.shard=" + shard, folder.path());
    CHECK(part.exit_code == 0);
    const int done = Json::parse(part.out)["completed"];
    CHECK(done >= 1);
    CHECK(done <= 2);
  }
  CHECK(losses(folder / "shards/results.json") == whole);
  std::filesystem::remove(folder / "shards/results.json");
  const auto collected = run(mock + "--collect", folder.path());
  CHECK(collected.exit_code == 0);
  CHECK(Json::parse(collected.out)["kept"] == 4);
  CHECK(losses(folder / "shards/results.json") == whole);
  const auto wrong = run(mock + "run.shard=3/3", folder.path());
  CHECK(wrong.exit_code == 2);
}

TEST_CASE("fault: results of another configuration are in the way", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8,16]]"), folder.path()).exit_code == 0);
  REQUIRE(run(kTrain, folder.path()).exit_code == 0);
  const auto first = losses(folder / "outputs/results.json");
  const auto other = run(kTrain + "trainer.seed=9", folder.path());
  CHECK(other.exit_code == 0);
  CHECK_THAT(other.err, ContainsSubstring("2 of the experiments were completed under another"));
  CHECK(losses(folder / "outputs/results.json") != first);
  size_t moved = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "outputs/replaced")) {
    const auto result = Json::parse(read_text(entry.path() / "result.json"));
    CHECK(result["final_loss"] == first.at(result["experiment_id"]));
    ++moved;
  }
  CHECK(moved == 2);
}

TEST_CASE("a sweep killed a hundred times ends as an undisturbed one", "[e2e][slow]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[2e10,6e10]", "[[8,16,24],[16,24,32]]") + "output_dir=calm", folder.path())
              .exit_code == 0);
  std::filesystem::copy(folder / "calm", folder / "storm");
  REQUIRE(run(kTrain + "output_dir=calm", folder.path()).exit_code == 0);
  const std::string train = kTrain + "output_dir=storm trainer.checkpoint_every=20 ";
  std::mt19937 generator(2024);
  // From before the first worker has started to many steps into the runs.
  std::uniform_real_distribution<double> moment(0.05, 3.0);
  const auto truth = losses(folder / "calm/results.json");
  REQUIRE(truth.size() == 6);
  int sweeps = 0;
  for (int kills = 0; kills < 100;) {
    // Every other time the workers are killed with it; else they find out and save.
    const std::string workers =
        kills % 2 == 0 ? "pkill -9 -f -- '--worker storm/runs/exp_[0]'; " : "";
    const auto killed =
        run("( exec " + train + " ) & p=$!; sleep " + std::to_string(moment(generator)) +
                "; kill -9 $p 2>/dev/null && echo killed; " + workers + "wait",
            folder.path());
    // Whatever is there is whole.
    const auto results = folder / "storm/results.json";
    if (std::filesystem::exists(results)) {
      for (const auto& [id, loss] : losses(results)) {
        CHECK(loss == truth.at(id));
      }
    }
    if (killed.out.find("killed") != std::string::npos) {
      ++kills;
    } else {  // it ended before: the next one
      CHECK(losses(results) == truth);
      ++sweeps;
      std::filesystem::remove_all(folder / "storm/runs");
      std::filesystem::remove(results);
    }
  }
  WARN("killed 100 times in the middle of " << sweeps + 1 << " sweeps");
  const auto last = run(train, folder.path());
  INFO(last.err);
  REQUIRE(last.exit_code == 0);
  CHECK(losses(folder / "storm/results.json") == truth);
  CHECK(ff::test::half_written(folder / "storm").empty());
}
