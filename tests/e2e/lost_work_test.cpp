// SPDX-License-Identifier: MIT
// Nothing that was trained is lost, and nothing that is not ours is touched: configurations and
// plans that change, damaged checkpoints, strangers' files, symbolic links, paths out of files.
#include "small_sweep.h"
#include "support/mounts.h"

#include "flops_fit/io/json.h"
#include "flops_fit/util/atomic_file.h"

#include <map>
#include <random>
#include <set>

namespace fs = std::filesystem;

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
using ff::test::write_text;

namespace {

const std::string kLong = kTrain + "trainer.log_every=3 trainer.checkpoint_every=5 ";

/// Trains a sweep of width 16 for a while and stops it, so that it leaves a checkpoint.
void leave_unfinished(const fs::path& folder) {
  REQUIRE(run(plan("[1e10]", "[[16]]"), folder).exit_code == 0);
  REQUIRE(run("( exec " + kLong + ") & p=$!; " + wait_for_metrics("outputs/runs/exp_0000", 4) +
                  "kill -TERM $p; wait $p",
              folder)
              .exit_code == 143);
  REQUIRE(fs::exists(folder / "outputs/runs/exp_0000/checkpoint/state.json"));
}

/// The folders in replaced/, with what they hold.
std::map<std::string, fs::path> replaced(const fs::path& output) {
  std::map<std::string, fs::path> found;
  if (fs::exists(output / "replaced")) {
    for (const auto& entry : fs::directory_iterator(output / "replaced")) {
      found[entry.path().filename().string()] = entry.path();
    }
  }
  return found;
}

/// Every loss that any folder below runs/ and replaced/ holds.
std::set<double> all_losses(const fs::path& output) {
  std::set<double> found;
  for (const auto& entry : fs::recursive_directory_iterator(output)) {
    if (entry.path().filename() == "result.json") {
      const Json result = Json::parse(read_text(entry.path()));
      if (result["status"] == "completed") {
        found.insert(result["final_loss"].get<double>());
      }
    }
  }
  return found;
}

int64_t completed(const ff::test::Outcome& outcome) {
  return Json::parse(outcome.out)["completed"].get<int64_t>();
}

}  // namespace

TEST_CASE("a hash that is a path out of the folder removes and moves nothing there", "[e2e]") {
  const TemporaryFolder folder;
  const std::string mock = "ff-train -q mode=mock ";
  REQUIRE(run(plan("[1e9]", "[[8,16]]"), folder.path()).exit_code == 0);
  REQUIRE(run(mock, folder.path()).exit_code == 0);
  write_text(folder / "victim/precious.txt", "mine");
  for (const std::string hash : {"/../../../victim", "../../victim", "/victim", "zz"}) {
    for (const std::string file : {"result.json", "experiment.json"}) {
      const fs::path path = folder / ("outputs/runs/exp_0000/" + file);
      Json json = Json::parse(read_text(path));
      json["config_hash"] = hash;
      write_text(path, json.dump());
    }
    const auto again = run(mock, folder.path());
    INFO(again.err);
    CHECK(again.exit_code == 0);
    CHECK(read_text(folder / "victim/precious.txt") == "mine");
    for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
      CHECK((entry.path().filename() != "precious.txt" ||
             entry.path() == folder / "victim/precious.txt"));
    }
    CHECK(losses(folder / "outputs/results.json").size() == 2);
  }
}

TEST_CASE("fault: an unfinished run of another configuration is in the way", "[e2e]") {
  const TemporaryFolder folder;
  leave_unfinished(folder.path());
  const std::string state = read_text(folder / "outputs/runs/exp_0000/checkpoint/state.json");
  for (const std::string other : {"trainer.seed=9", "mode=mock"}) {
    for (const std::string flag : {"", " --dry-run"}) {
      const auto refused = run(kTrain + other + flag, folder.path());
      INFO(refused.err);
      CHECK(refused.exit_code == 2);
      CHECK(lines(refused.err) == 1);
      CHECK_THAT(refused.err, ContainsSubstring("exp_0000 holds unfinished runs"));
      CHECK_THAT(refused.err, ContainsSubstring("run.replace=true"));
      CHECK(read_text(folder / "outputs/runs/exp_0000/checkpoint/state.json") == state);
    }
  }
  const auto replacing = run("ff-train mode=mock run.replace=true", folder.path());
  CHECK(replacing.exit_code == 0);
  // Said before it is done.
  CHECK_THAT(replacing.err, ContainsSubstring("is moved to replaced/"));
  CHECK(replacing.err.find("is moved to") < replacing.err.find("is now outputs/replaced/"));
  const auto aside = replaced(folder / "outputs");
  REQUIRE(aside.size() == 1);
  CHECK(read_text(aside.begin()->second / "checkpoint/state.json") == state);
  CHECK(fs::exists(aside.begin()->second / "metrics.jsonl"));

  // Its own configuration finds it there, and goes on from the checkpoint.
  const auto resumed = run(kTrain + "--json", folder.path());
  REQUIRE(resumed.exit_code == 0);
  const auto result = ff::io::read_results(folder / "outputs/results.json").at(0);
  CHECK(Json::parse(resumed.out)["training_flops"].get<double>() < 0.999 * result.actual_flops);
  // The drawn result is set aside now, and both are kept.
  CHECK(all_losses(folder / "outputs").size() == 2);
  fs::remove_all(folder / "outputs/runs");
  fs::remove_all(folder / "outputs/replaced");
  REQUIRE(run(kTrain, folder.path()).exit_code == 0);
  CHECK(losses(folder / "outputs/results.json").at("exp_0000") == *result.final_loss);
}

TEST_CASE("fault: a stranger's folder stands where a run belongs", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8,16]]"), folder.path()).exit_code == 0);
  write_text(folder / "outputs/runs/exp_0001/thesis.tex", "years");
  write_text(folder / "outputs/runs/.mine.tmp", "a user's own");
  write_text(folder / "outputs/.mine.1.2.tmp", "a user's own");
  const auto trained = run("ff-train mode=mock", folder.path());
  CHECK(trained.exit_code == 0);
  CHECK_THAT(trained.err,
             ContainsSubstring("1 of the experiments have something in their place that ff-train "
                               "did not put there; what is there is moved to replaced/"));
  CHECK(read_text(folder / "outputs/replaced/exp_0001-unknown/thesis.tex") == "years");
  CHECK(read_text(folder / "outputs/runs/.mine.tmp") == "a user's own");
  CHECK(read_text(folder / "outputs/.mine.1.2.tmp") == "a user's own");
  // A second one of the same name does not take the first one's place.
  fs::remove_all(folder / "outputs/runs/exp_0001");
  write_text(folder / "outputs/runs/exp_0001/thesis.tex", "more years");
  CHECK(run("ff-train mode=mock", folder.path()).exit_code == 0);
  CHECK(read_text(folder / "outputs/replaced/exp_0001-unknown/thesis.tex") == "years");
  CHECK(read_text(folder / "outputs/replaced/exp_0001-unknown-2/thesis.tex") == "more years");
}

TEST_CASE("a plan that grows keeps its finished runs, to the last digit, under their new names",
          "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9,2e9]", "[[8,24],[8,24]]"), folder.path()).exit_code == 0);
  REQUIRE(run(kTrain, folder.path()).exit_code == 0);
  const auto before = losses(folder / "outputs/results.json");
  REQUIRE(run(plan("[1e9,2e9]", "[[8,16,24],[8,16,24]]"), folder.path()).exit_code == 0);
  const auto dry = run("ff-train evaluation.tokens=4000 --dry-run", folder.path());
  CHECK_THAT(dry.err, ContainsSubstring("2 to run"));
  CHECK(losses(folder / "outputs/results.json") == before);
  const auto grown = run(kTrain + "--json", folder.path());
  REQUIRE(grown.exit_code == 0);
  CHECK(completed(grown) == 2);
  const auto after = losses(folder / "outputs/results.json");
  REQUIRE(after.size() == 6);
  for (const auto& [old_id, new_id] : {std::pair{"exp_0000", "exp_0000"},
                                       {"exp_0001", "exp_0002"},
                                       {"exp_0002", "exp_0003"},
                                       {"exp_0003", "exp_0005"}}) {
    CHECK(after.at(new_id) == before.at(old_id));
    const auto folder_of_run = folder / ("outputs/runs/" + std::string(new_id));
    CHECK(fs::exists(folder_of_run / "metrics.jsonl"));
    CHECK(Json::parse(read_text(folder_of_run / "result.json"))["experiment_id"] == new_id);
  }
  CHECK(replaced(folder / "outputs").empty());
  // And back again: what the smaller plan does not want stays.
  REQUIRE(run(plan("[1e9,2e9]", "[[8,24],[8,24]]"), folder.path()).exit_code == 0);
  const auto shrunk = run(kTrain + "--json", folder.path());
  CHECK(completed(shrunk) == 0);
  CHECK(losses(folder / "outputs/results.json") == before);
  CHECK(all_losses(folder / "outputs").size() == 6);
}

TEST_CASE("keys that cannot change a loss do not train a run again", "[e2e]") {
  const TemporaryFolder folder;
  write_text(folder / "a.txt", "");
  REQUIRE(run(plan("[1e9]", "[[8,16]]"), folder.path()).exit_code == 0);
  REQUIRE(run(kTrain, folder.path()).exit_code == 0);
  const auto planned = Json::parse(read_text(folder / "outputs/sweep.json"));
  for (const std::string same :
       {"mock.noise=0.1 mock.E=1 engine=fused hardware.device=cpu trainer.seed=0",
        "api.base_url=http://localhost:1 trainer.log_every=7 trainer.decay_fraction=0.3",
        "trainer.diverged_retries=2 trainer.diverged_lr_factor=0.5 model.norm_gain=false",
        "lr_mult.norm=1 umup.no_decay_lr_mult=1"}) {
    const auto kept = run(kTrain + "--json " + same, folder.path());
    INFO(same << kept.err);
    CHECK(completed(kept) == 0);
  }
  for (const std::string other : {"engine=eager", "trainer.weight_decay=0.1"}) {
    const auto trained = run(kTrain + "--json " + other, folder.path());
    INFO(other << trained.err);
    CHECK(completed(trained) == 2);
  }
}

TEST_CASE("fault: a checkpoint's state is damaged", "[e2e]") {
  const TemporaryFolder folder;
  leave_unfinished(folder.path());
  const fs::path path = folder / "outputs/runs/exp_0000/checkpoint/state.json";
  fs::copy(folder / "outputs", folder / "left", fs::copy_options::recursive);
  REQUIRE(run(kLong, folder.path()).exit_code == 0);
  const auto truth = losses(folder / "outputs/results.json");
  const Json good = Json::parse(read_text(folder / "left/runs/exp_0000/checkpoint/state.json"));
  const auto changed = [&](const std::string& key, const Json& value) {
    Json bad = good;
    bad[key] = value;
    return bad;
  };
  for (const Json& bad : {changed("step", good["step"].get<int>() + 1),
                          changed("step", -5),
                          changed("tail_loss_sum", 1e3),
                          changed("metrics_bytes", -1)}) {
    fs::remove_all(folder / "outputs");
    fs::copy(folder / "left", folder / "outputs", fs::copy_options::recursive);
    write_text(path, bad.dump());
    const auto again = run(kLong, folder.path());
    INFO(bad.dump() << again.err);
    CHECK(again.exit_code == 0);
    CHECK_THAT(again.err, ContainsSubstring("state.json: damaged"));
    CHECK_THAT(again.err, ContainsSubstring("The run starts anew"));
    CHECK(losses(folder / "outputs/results.json") == truth);
    CHECK(ff::io::read_results(folder / "outputs/results.json")[0].wall_time_s < 1000);
  }
}

TEST_CASE("fault: a symbolic link or a file stands where a run writes", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8,16,24,32,40,48]]"), folder.path()).exit_code == 0);
  write_text(folder / "mine.txt", "mine");
  const fs::path runs = folder / "outputs/runs";
  for (const std::string id : {"exp_0000", "exp_0001"}) {
    fs::create_directories(runs / id);
  }
  fs::create_symlink(folder / "mine.txt", runs / "exp_0000/lock");
  fs::create_symlink(folder / "nowhere.txt", runs / "exp_0001/lock");
  fs::create_directories(folder / "elsewhere");
  fs::create_symlink(folder / "elsewhere", runs / "exp_0002");
  write_text(runs / "exp_0003", "a file");
  for (const std::string mode : {"mode=local", "mode=mock"}) {
    const auto trained = run("ff-train evaluation.tokens=4000 --json " + mode, folder.path());
    INFO(trained.err);
    CHECK(trained.exit_code == 4);
    CHECK(Json::parse(trained.out)["failed"] == 4);
    CHECK(Json::parse(trained.out)["left"] == 0);
    CHECK(completed(trained) == 2);
    CHECK_THAT(trained.err, ContainsSubstring("exp_0000/lock: is a symbolic link"));
    CHECK_THAT(trained.err, ContainsSubstring("exp_0002: is a symbolic link"));
    CHECK_THAT(trained.err, ContainsSubstring("exp_0003"));
    CHECK(read_text(folder / "mine.txt") == "mine");
    CHECK_FALSE(fs::exists(folder / "nowhere.txt"));
    CHECK(fs::is_empty(folder / "elsewhere"));
    CHECK(read_text(runs / "exp_0003") == "a file");
    // Each failure is in results.json, with its reason.
    size_t failed = 0;
    for (const auto& r : ff::io::read_results(folder / "outputs/results.json")) {
      failed += r.status == "failed" && !r.error_message.empty() ? 1U : 0U;
    }
    CHECK(failed == 4);
  }
  // Inside a run's folder, and beside it.
  fs::remove_all(runs);
  REQUIRE(run(kTrain, folder.path()).exit_code == 0);
  fs::remove(runs / "exp_0005/result.json");
  fs::remove(runs / "exp_0005/metrics.jsonl");
  fs::create_symlink(folder / "mine.txt", runs / "exp_0005/metrics.jsonl");
  const auto inside = run(kTrain, folder.path());
  CHECK(inside.exit_code == 4);
  CHECK_THAT(inside.err, ContainsSubstring("exp_0005/metrics.jsonl: is a symbolic link"));
  fs::remove(runs / ".results.lock");
  fs::create_symlink(folder / "mine.txt", runs / ".results.lock");
  CHECK(run(kTrain, folder.path()).exit_code == 1);
  CHECK(read_text(folder / "mine.txt") == "mine");
}

TEST_CASE("runs that lie on another file system than replaced/ are moved all the same", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8,16]]"), folder.path()).exit_code == 0);
  const auto moved = run_with_mounts(
      "mkdir -p outputs/runs && mount -t tmpfs tmpfs outputs/runs && ff-train -q mode=mock && "
      "ff-train -q mode=mock mock.seed=1; echo second $?; ff-train --json mode=mock; echo third "
      "$?; cp -r outputs kept",
      folder.path());
  if (!moved) {
    return;
  }
  INFO(moved->err);
  CHECK_THAT(moved->out, ContainsSubstring("second 0\n"));
  CHECK_THAT(moved->out, ContainsSubstring("\"completed\": 0"));
  CHECK_THAT(moved->out, ContainsSubstring("third 0\n"));
  CHECK(all_losses(folder / "kept").size() == 4);
  CHECK(ff::test::half_written(folder / "kept").empty());
}

TEST_CASE("a sweep killed ten times while its configuration changes loses nothing", "[e2e][slow]") {
  const TemporaryFolder folder;
  REQUIRE(
      run(plan("[1e10,3e10]", "[[8,16],[16,24]]") + "output_dir=calm", folder.path()).exit_code ==
      0);
  fs::copy(folder / "calm", folder / "storm", fs::copy_options::recursive);
  const std::vector<std::string> configurations = {"trainer.seed=1 ", "trainer.seed=2 "};
  std::vector<std::map<std::string, double>> truth;
  for (const std::string& configuration : configurations) {
    REQUIRE(run(kTrain + "output_dir=calm " + configuration, folder.path()).exit_code == 0);
    truth.push_back(losses(folder / "calm/results.json"));
  }
  const std::string train =
      kTrain + "output_dir=storm trainer.checkpoint_every=20 run.replace=true ";
  std::mt19937 generator(16);
  std::uniform_real_distribution<double> moment(0.05, 3.0);
  std::set<double> trained;
  for (int kill = 0; kill < 10; ++kill) {
    static_cast<void>(run("( exec " + train + configurations[static_cast<size_t>(kill % 2)] +
                              ") & p=$!; sleep " + std::to_string(moment(generator)) +
                              "; kill -9 $p; pkill -9 -f -- '--worker storm/runs/exp_[0]'; wait",
                          folder.path()));
    const std::set<double> now = all_losses(folder / "storm");
    for (const double loss : trained) {
      CHECK(now.contains(loss));
    }
    trained = now;
  }
  for (size_t i = 0; i < configurations.size(); ++i) {
    const auto last = run(train + configurations[i], folder.path());
    INFO(last.err);
    CHECK(last.exit_code == 0);
    CHECK(losses(folder / "storm/results.json") == truth[i]);
  }
}
