// SPDX-License-Identifier: MIT
// Results and strangers' files that ff-train meets in its folder: of an earlier version, damaged,
// not to be read, wanted again by resume=false, in the place of a lock.
#include "small_sweep.h"

#include "flops_fit/io/json.h"
#include "flops_fit/util/atomic_file.h"

#include <set>

namespace fs = std::filesystem;

using ff::io::Json;
using ff::test::kTrain;
using ff::test::lines;
using ff::test::losses;
using ff::test::plan;
using ff::test::read_text;
using ff::test::run;
using ff::test::TemporaryFolder;
using ff::test::wait_for_metrics;
using ff::test::write_text;

namespace {

const std::string kMock = "ff-train -q mode=mock --json ";

int64_t completed(const ff::test::Outcome& outcome) {
  return Json::parse(outcome.out)["completed"].get<int64_t>();
}

}  // namespace

TEST_CASE("results of an earlier version count, call after call", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8,16]]"), folder.path()).exit_code == 0);
  REQUIRE(run(kTrain, folder.path()).exit_code == 0);
  const auto before = losses(folder / "outputs/results.json");
  for (const std::string id : {"exp_0000", "exp_0001"}) {
    const fs::path path = folder / ("outputs/runs/" + id);
    for (const std::string file : {"result.json", "experiment.json"}) {
      Json json = Json::parse(read_text(path / file));
      json["config_hash"] = "00000000000000a" + id.substr(7);  // which hashed the id, too
      json.erase("hash_version");
      write_text(path / file, json.dump());
    }
  }
  for (int call = 0; call < 3; ++call) {
    const auto again = run(kTrain + "--json", folder.path());
    INFO(call << again.err);
    CHECK(completed(again) == 0);
    CHECK(again.err.empty());
    CHECK(losses(folder / "outputs/results.json") == before);
  }
  CHECK_FALSE(fs::exists(folder / "outputs/replaced"));
}

TEST_CASE("fault: a result is damaged, or of a newer version", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8,16]]"), folder.path()).exit_code == 0);
  REQUIRE(run(kMock, folder.path()).exit_code == 0);
  const fs::path path = folder / "outputs/runs/exp_0000/result.json";
  const std::string whole = read_text(path);
  Json newer = Json::parse(whole);
  newer["sweep_kind"] = "of tomorrow";
  for (const std::string& odd : {whole.substr(0, whole.size() / 2), newer.dump(2)}) {
    write_text(path, odd);
    const auto again = run(kMock, folder.path());
    INFO(again.err);
    CHECK(again.exit_code == 0);
    CHECK(completed(again) == 1);
    CHECK_THAT(again.err, ContainsSubstring("result.json does not count; it is now result.json."));
  }
  CHECK(read_text(path.string() + ".set-aside") == whole.substr(0, whole.size() / 2));
  CHECK(read_text(path.string() + ".set-aside-2") == newer.dump(2));
}

TEST_CASE("resume=false takes nothing from another that is at work, nor from another shard",
          "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[2e10]", "[[8,16]]"), folder.path()).exit_code == 0);
  const auto both =
      run("( exec " + kTrain + " trainer.log_every=2 ) & p=$!; " +
              wait_for_metrics("outputs/runs/exp_0000", 2) + "kill -STOP $p; " + kTrain +
              "resume=false 2>again; echo again $?; kill -CONT $p; wait $p; "
              "echo first $?",
          folder.path());
  INFO(both.err);
  CHECK_THAT(both.out, ContainsSubstring("again 2\n"));
  CHECK_THAT(both.out, ContainsSubstring("first 0\n"));
  CHECK_THAT(read_text(folder / "again"), ContainsSubstring("resume=false"));
  CHECK(lines(read_text(folder / "again")) == 1);
  CHECK(losses(folder / "outputs/results.json").size() == 2);
  CHECK_FALSE(fs::exists(folder / "outputs/replaced"));

  fs::remove_all(folder / "outputs/runs");
  for (const std::string shard : {"0/2", "1/2"}) {
    CHECK(completed(run(kMock + "resume=false run.shard=" + shard, folder.path())) == 1);
  }
  CHECK_FALSE(fs::exists(folder / "outputs/replaced"));
  CHECK(completed(run(kMock + "resume=false", folder.path())) == 2);
  size_t aside = 0;
  for (const auto& entry : fs::directory_iterator(folder / "outputs/replaced")) {
    aside += fs::exists(entry.path() / "result.json") ? 1U : 0U;
  }
  CHECK(aside == 2);
}

TEST_CASE("a file of a user's in the place of a lock is neither taken nor removed", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8,16,24,32]]"), folder.path()).exit_code == 0);
  const fs::path runs = folder / "outputs/runs";
  write_text(runs / "exp_0000/lock", "the combination is 1234");
  write_text(runs / "exp_0001/lock/inside", "a folder");
  write_text(runs / "exp_0002/thesis.tex", "years");
  fs::create_symlink("/etc/passwd", runs / "exp_0002/lock");
  write_text(runs / "exp_0003/.mine.tmp", "mine");
  const auto trained = run(kMock + "run.lock_timeout_s=1", folder.path());
  INFO(trained.err);
  CHECK(trained.exit_code == 4);
  CHECK(completed(trained) == 2);
  CHECK(Json::parse(trained.out)["failed"] == 2);
  CHECK_THAT(trained.err, ContainsSubstring("exp_0000/lock: is no lock of ff-train's"));
  CHECK(read_text(runs / "exp_0000/lock") == "the combination is 1234");
  CHECK(read_text(runs / "exp_0001/lock/inside") == "a folder");
  CHECK(read_text(folder / "outputs/replaced/exp_0002-unknown/thesis.tex") == "years");
  CHECK(read_text(runs / "exp_0003/.mine.tmp") == "mine");
}

TEST_CASE("a replaced/ that cannot be used fails what is in the way, and ends", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8,16]]"), folder.path()).exit_code == 0);
  write_text(folder / "outputs/runs/exp_0000/thesis.tex", "years");
  fs::create_symlink("replaced", folder / "outputs/replaced");
  const auto trained = run("timeout 20 " + kMock, folder.path());
  INFO(trained.err);
  CHECK(trained.exit_code == 4);
  CHECK(completed(trained) == 1);
  CHECK(read_text(folder / "outputs/runs/exp_0000/thesis.tex") == "years");
  CHECK_THAT(trained.err, ContainsSubstring("exp_0000 cannot be run"));
}
