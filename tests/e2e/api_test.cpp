// SPDX-License-Identifier: MIT
// mode=api with the real programs and a real server on loopback: both presets from plan to laws,
// the key that must show nowhere, and what a kill, a signal and a refusal leave behind.
#include "background.h"
#include "fake_service.h"
#include "support/catch.h"
#include "support/environment.h"
#include "support/process.h"

#include "flops_fit/api/secret.h"
#include "flops_fit/io/json.h"
#include "flops_fit/io/results.h"
#include "flops_fit/io/sweep.h"

#include <csignal>

using ff::test::Background;
using ff::test::EnvironmentVariable;
using ff::test::FakeService;
using ff::test::Fault;
using ff::test::read_text;
using ff::test::run;
using ff::test::Service2024;
using ff::test::Service2026;
using ff::test::shell_quoted;
using ff::test::TemporaryFolder;

namespace {

/// With everything that a URL or JSON would escape.
const std::string kKey = "S3CRET/key+\"odd\" & =long";

/// The 2026 service, three small experiments planned for it, and the command that trains them.
struct Sweep {
  TemporaryFolder folder;
  EnvironmentVariable key{"CS336_API_KEY", kKey};
  std::shared_ptr<Service2026> backend = std::make_shared<Service2026>(kKey);
  FakeService service{backend};

  Sweep() {
    const auto planned =
        run("ff-plan -q --config-name=presets/cs336_2026 'compute.budgets=[2e15]' "
            "'plan.widths=[[32,64,96]]'",
            folder.path());
    INFO(planned.err);
    REQUIRE(planned.exit_code == 0);
  }
  std::vector<std::string> arguments(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"--config-name=presets/cs336_2026",
                                    "api.base_url=" + service.url(),
                                    "api.poll.interval_s=0.02",
                                    "api.backoff_s=0.02",
                                    "api.timeout_s=20"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  ff::test::Outcome train(const std::string& more = "") const {
    std::string command = "ff-train -v";
    for (const std::string& argument : arguments()) {
      command += " " + argument;
    }
    return run(command + " " + more, folder.path());
  }
  std::vector<ff::io::RunResult> results() const {
    return ff::io::read_results(folder / "outputs/results.json");
  }
  size_t submissions() const { return service.count("/submit"); }
};

/// Every file below `folder`, and these texts, are without the key in any form.
void check_no_key(const std::filesystem::path& folder, const std::vector<std::string>& texts) {
  const ff::api::Secret key(kKey);
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      INFO(entry.path());
      CHECK_FALSE(key.occurs_in(read_text(entry.path())));
      ++files;
    }
  }
  CHECK(files > 0);
  for (const std::string& text : texts) {
    INFO(text);
    CHECK_FALSE(key.occurs_in(text));
    CHECK_THAT(text, !ContainsSubstring("S3CRET"));
  }
}

void check_pipeline(const std::string& preset, FakeService& service) {
  const EnvironmentVariable key("CS336_API_KEY", kKey);
  const TemporaryFolder folder;
  const std::string with = " --config-name=presets/" + preset + " ";
  REQUIRE(run("ff-plan -q" + with, folder.path()).exit_code == 0);
  const auto plan = ff::io::read_sweep(folder / "outputs/sweep.json");
  const auto trained =
      run("ff-train -v" + with +
              "api.concurrency=8 api.poll.interval_s=0.02 api.base_url=" + service.url(),
          folder.path());
  INFO(trained.err);
  REQUIRE(trained.exit_code == 0);
  const auto results = ff::io::read_results(folder / "outputs/results.json");
  REQUIRE(results.size() == plan.size());
  for (size_t i = 0; i < results.size(); ++i) {
    CHECK(results[i].experiment_id == plan[i].experiment_id);
    REQUIRE(results[i].completed());
    const auto& shape = *plan[i].architecture;
    const double n = 12.0 * static_cast<double>(shape.num_layers * shape.d_model * shape.d_model);
    const double d = preset == "cs336_2024" ? plan[i].compute_budget / (6.0 * n)
                                            : static_cast<double>(plan[i].num_tokens);
    CHECK(*results[i].final_loss == Approx(ff::test::planted_loss(n, d)).epsilon(1e-12));
    CHECK(results[i].actual_flops == plan[i].planned_flops);
    CHECK(results[i].device == "api");
    CHECK_FALSE(results[i].timestamp.empty());
  }
  const size_t asked = service.count();
  const auto again = run("ff-train" + with + "api.base_url=" + service.url(), folder.path());
  CHECK_THAT(again.out, ContainsSubstring(std::to_string(plan.size()) + " kept"));
  CHECK(service.count() == asked);
  const auto analyzed = run("ff-analyze -q" + with, folder.path());
  INFO(analyzed.err);
  CHECK(analyzed.exit_code == 0);
  check_no_key(folder.path(), {trained.out, trained.err, again.out, again.err, analyzed.out});
}

}  // namespace

TEST_CASE("api: the 2024 preset runs from plan to laws", "[e2e]") {
  auto backend = std::make_shared<Service2024>(kKey);
  FakeService service(backend);
  check_pipeline("cs336_2024", service);
  CHECK(backend->used_flops > 0);
}

TEST_CASE("api: the 2026 preset runs from plan to laws", "[e2e]") {
  FakeService service(std::make_shared<Service2026>(kKey));
  check_pipeline("cs336_2026", service);
}

TEST_CASE("api: a kill between submission and poll costs nothing", "[e2e]") {
  Sweep sweep;
  sweep.backend->hold = true;
  {
    Background train("ff-train", sweep.arguments({"-v"}), sweep.folder.path());
    REQUIRE(sweep.service.wait_for("/experiment/run-2", 1));  // all three are submitted
    check_no_key(sweep.folder.path(), {train.command_line()});
    CHECK_THAT(train.command_line(), ContainsSubstring("api.base_url="));
    CHECK(train.end(SIGKILL) == 128 + SIGKILL);
  }
  CHECK(sweep.submissions() == 3);
  sweep.backend->hold = false;
  const auto resumed = sweep.train();
  INFO(resumed.err);
  CHECK(resumed.exit_code == 0);
  CHECK_THAT(resumed.out, ContainsSubstring("3 completed"));
  CHECK(sweep.submissions() == 3);
  check_no_key(sweep.folder.path(), {resumed.out, resumed.err});
}

TEST_CASE("api: a kill while the submission is on its way costs nothing", "[e2e]") {
  Sweep sweep;
  // The service has the run, and its answer never comes.
  sweep.service.fail_next("/submit", {{.carry_out = true, .hang = true}});
  {
    Background train("ff-train", sweep.arguments({"api.concurrency=1"}), sweep.folder.path());
    REQUIRE(sweep.service.wait_for("/submit", 1));
    CHECK(train.end(SIGKILL) == 128 + SIGKILL);
  }
  const auto resumed = sweep.train();
  INFO(resumed.err);
  CHECK(resumed.exit_code == 0);
  CHECK(sweep.submissions() == 3);
  CHECK(sweep.service.count("/experiments") == 1);
}

TEST_CASE("api: SIGTERM while polling ends with 143, and the next call polls on", "[e2e]") {
  Sweep sweep;
  sweep.backend->hold = true;
  {
    Background train("ff-train", sweep.arguments({"-v"}), sweep.folder.path());
    REQUIRE(sweep.service.wait_for("/experiment/run-2", 1));
    CHECK(train.end(SIGTERM) == 143);
    check_no_key(sweep.folder.path(), {});
  }
  CHECK(sweep.results().empty());  // nothing is recorded against them
  sweep.backend->hold = false;
  const auto resumed = sweep.train();
  CHECK(resumed.exit_code == 0);
  CHECK_THAT(resumed.err, ContainsSubstring("polling run run-0 on"));
  CHECK(sweep.submissions() == 3);
}

TEST_CASE("api: the same requests written otherwise are not paid for again", "[e2e]") {
  Sweep sweep;
  CHECK(sweep.train().exit_code == 0);
  const size_t asked = sweep.service.count();
  const auto again =
      sweep.train("api.base_url=" + sweep.service.url() + "/ api.submit.path=submit");
  INFO(again.err);
  CHECK(again.exit_code == 0);
  CHECK_THAT(again.out, ContainsSubstring("3 kept"));
  CHECK(sweep.service.count() == asked);
}

TEST_CASE("api: a missing key, and one in the configuration, send nothing", "[e2e]") {
  Sweep sweep;
  const std::string by_name = "'api.headers=[\"X-API-Key: {api_key}\"]'";
  for (const std::string& headers :
       {std::string("'api.headers=[\"X-API-Key: ${oc.env:CS336_API_KEY}\"]'"),
        shell_quoted("api.headers=['X-API-Key: " + kKey + "']"),
        shell_quoted("api.headers=['X-API-Key: " + kKey + "']") + " " + by_name}) {
    for (const std::string more : {" hydra.output_subdir=.hydra", " --cfg job", " --dry-run"}) {
      const auto leaked = sweep.train(headers + more);
      CHECK(leaked.exit_code == 2);
      CHECK_THAT(leaked.err, ContainsSubstring("api.headers: holds the service's key itself"));
      check_no_key(sweep.folder.path(), {leaked.out, leaked.err});
    }
  }
  CHECK_FALSE(std::filesystem::exists(sweep.folder / ".hydra"));
  const auto absent =
      run("unset CS336_API_KEY; ff-train --config-name=presets/cs336_2026 api.base_url=" +
              sweep.service.url(),
          sweep.folder.path());
  CHECK(absent.exit_code == 2);
  CHECK_THAT(absent.err, ContainsSubstring("variable CS336_API_KEY (api.key_env)"));
  CHECK(std::count(absent.err.begin(), absent.err.end(), '\n') == 1);
  CHECK(sweep.service.count() == 0);
}

TEST_CASE("api: a refused key or a wrong certificate stops the sweep and records nothing",
          "[e2e]") {
  Sweep sweep;
  // Two experiments are done; then the key is withdrawn.
  sweep.service.fail_next("/submit", {{.status = 422, .body = R"({"detail": "no"})"}});
  const auto first = sweep.train("api.concurrency=1");
  CHECK(first.exit_code == 4);
  CHECK_THAT(first.out, ContainsSubstring("2 completed"));
  const std::string echo = ff::io::Json{{"detail", "bad key " + kKey}}.dump();
  sweep.service.fail_next("/submit", {{.status = 401, .body = echo}});
  const auto refused = sweep.train();
  INFO(refused.err);
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, ContainsSubstring("refuses the key in $CS336_API_KEY (HTTP 401"));
  CHECK(sweep.results().size() == 2);

  const auto certificate = ff::test::make_certificate(sweep.folder.path(), "IP:127.0.0.1");
  FakeService tls(sweep.backend, &certificate);
  const auto wrong = sweep.train("api.base_url=" + tls.url());
  CHECK(wrong.exit_code == 1);
  CHECK_THAT(wrong.err, ContainsSubstring("cannot prove who it is"));
  CHECK(tls.count() == 0);
  CHECK(sweep.results().size() == 2);
  std::filesystem::remove_all(sweep.folder / "outputs/runs");
  const auto trusted =
      sweep.train("api.base_url=" + tls.url() + " api.ca_file=" + certificate.certificate.string());
  INFO(trusted.err);
  CHECK(trusted.exit_code == 0);
  check_no_key(sweep.folder.path(), {refused.err, wrong.err, trusted.err});
}

TEST_CASE("api: one bad answer is one failure, with its reason, and the rest goes on", "[e2e]") {
  Sweep sweep;
  sweep.service.fail_next(
      "/experiment/run-0",
      {{.body = R"({"status": {"status_type": "completed", "val_losses": [NaN]}})"}});
  sweep.service.fail_next("/experiment/run-1", {{.status = 503}, {.body = "<html>" + kKey}});
  const auto trained = sweep.train("api.concurrency=1");
  INFO(trained.err);
  CHECK(trained.exit_code == 4);
  const auto results = sweep.results();
  REQUIRE(results.size() == 3);
  size_t failed = 0;
  for (const auto& result : results) {
    if (!result.completed()) {
      ++failed;
      CHECK_FALSE(result.final_loss);
      CHECK((result.error_message.find("no finite loss at \"/status/val_losses/-1\"") == 0 ||
             result.error_message.find("the answer is not JSON: <html>***") != std::string::npos));
    }
  }
  CHECK(failed == 2);
  // Strict JSON, in which there is no NaN (but in the reason).
  const std::string written = read_text(sweep.folder / "outputs/results.json");
  CHECK(ff::io::Json::accept(written));
  check_no_key(sweep.folder.path(), {trained.out, trained.err});
}

TEST_CASE("api: the budget is asked before spending, and concurrency is kept", "[e2e]") {
  Sweep sweep;
  sweep.backend->remaining_s = 2699;  // three cost 900 each at most
  const auto refused = sweep.train();
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err,
             ContainsSubstring("has 2699 left, and the 3 experiments to submit cost 2700"));
  CHECK(sweep.submissions() == 0);
  sweep.backend->remaining_s = 2700;
  sweep.backend->polls = 0;
  sweep.service.gather("/submit", 2);
  const auto trained = sweep.train("api.concurrency=2");
  CHECK(trained.exit_code == 0);
  CHECK(sweep.service.most_at_once() == 2);
}
