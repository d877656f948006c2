// SPDX-License-Identifier: MIT
// Plans and services that would put a wrong loss into the laws are refused by the real program,
// before anything is trained, with one line that says where.
#include "fake_service.h"
#include "small_sweep.h"
#include "support/environment.h"

#include "flops_fit/io/json.h"
#include "flops_fit/io/sweep.h"

#include <functional>

using ff::io::Json;
using ff::test::FakeService;
using ff::test::kTrain;
using ff::test::Outcome;
using ff::test::run;
using ff::test::TemporaryFolder;

namespace {

void check_one_clear_line(const Outcome& outcome, int exit_code, const std::string& expected) {
  INFO(outcome.err);
  CHECK(outcome.exit_code == exit_code);
  CHECK_THAT(outcome.err, ContainsSubstring(expected));
  CHECK(ff::test::lines(outcome.err) == 1);
  CHECK(std::all_of(outcome.err.begin(), outcome.err.end(), [](char c) {
    return c == '\n' || static_cast<unsigned char>(c) >= ' ';
  }));
}

}  // namespace

TEST_CASE("fault: a plan contradicts itself", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(ff::test::plan("[2e8]", "[[8,16]]"), folder.path()).exit_code == 0);
  const auto path = folder / "outputs/sweep.json";
  const Json plan = ff::io::read_json(path, "");
  const auto train = [&](const std::string& field, const Json& value, const std::string& more) {
    Json changed = plan;
    changed[1][field] = value;
    ff::io::write_json(path, changed);
    return run(kTrain + more, folder.path());
  };
  struct Case {
    const char* field;
    Json value;
    int exit_code;
    const char* expected;
  };
  for (const Case& c : std::vector<Case>{
           {"learning_rate", nullptr, 2, "experiment exp_0001 has no learning_rate"},
           {"learning_rate", 0, 3, "[1].learning_rate: expected a positive number, found 0"},
           {"batch_size", 0, 3, "[1].batch_size: expected a count of at least 1"},
           {"model_size", 12345, 3, "[1].model_size: expected"},
           {"planned_flops", 1e12, 3, "[1].planned_flops: expected"},
           {"experiment_id", "\x1b[2J", 3, R"(found "\u001b[2J")"},
           {"experiment_id", "../../victim", 3, R"(found "../../victim")"}}) {
    INFO(c.field << " = " << c.value);
    check_one_clear_line(train(c.field, c.value, ""), c.exit_code, c.expected);
    CHECK_FALSE(std::filesystem::exists(folder / "outputs/runs/exp_0000"));
  }
  check_one_clear_line(train("seed", 1, "trainer.learning_rate=0"), 2, "trainer.learning_rate=0");
  // Where nobody needs one, or it is given, a missing learning rate is right.
  CHECK(train("learning_rate", nullptr, "mode=mock output_dir=mock paths.sweep=" + path.string())
            .exit_code == 0);
  CHECK(train("learning_rate", nullptr, "trainer.learning_rate=0.5").exit_code == 0);
}

TEST_CASE("ff-analyze refuses a result that does not fit its architecture", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(ff::test::plan("[2e8]", "[[8,16]]"), folder.path()).exit_code == 0);
  REQUIRE(run(kTrain, folder.path()).exit_code == 0);
  const auto path = folder / "outputs/results.json";
  Json results = ff::io::read_json(path, "");
  results[1]["architecture"]["d_model"] = 8;
  ff::io::write_json(path, results);
  check_one_clear_line(run("ff-analyze -q", folder.path()), 3, "[1].model_size: expected");
  results[1]["architecture"]["d_model"] = 16;
  results[0]["config_hash"] = "/../../../victim";
  ff::io::write_json(path, results);
  check_one_clear_line(run("ff-analyze -q", folder.path()), 3, "[0].config_hash: expected a hash");
}

TEST_CASE("api: one id for two submissions stops the sweep, naming both", "[e2e]") {
  const TemporaryFolder folder;
  const ff::test::EnvironmentVariable key("CS336_API_KEY", "S3CRET");
  FakeService service(std::make_shared<ff::test::Service2026>("S3CRET"));
  REQUIRE(run("ff-plan -q --config-name=presets/cs336_2026 'compute.budgets=[2e15]' "
              "'plan.widths=[[32,64,96]]'",
              folder.path())
              .exit_code == 0);
  const ff::test::Fault same{.body = R"({"experiment_id": "run-0"})", .carry_out = true};
  service.fail_next("/submit", {same, same, same});
  const auto trained =
      run("ff-train -q --config-name=presets/cs336_2026 api.poll.interval_s=0.02 "
          "api.concurrency=1 api.base_url=" +
              service.url(),
          folder.path());
  INFO(trained.err);
  CHECK(trained.exit_code == 1);
  CHECK_THAT(trained.err, ContainsSubstring("the run run-0, which is that of exp_000"));
  CHECK(ff::io::read_results(folder / "outputs/results.json").size() == 1);
}
