// SPDX-License-Identifier: MIT
// One experiment at the service, failing in every way, and what is on disk at each moment.
#include "flops_fit/api/service.h"

#include "fake_service.h"
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/api/submission.h"
#include "flops_fit/util/signals.h"

#include <chrono>
#include <csignal>
#include <ctime>
#include <functional>

using namespace ff::api;
using ff::io::Json;
using ff::test::Asked;
using ff::test::FakeService;
using ff::test::Fault;
using ff::test::Reply;
using Kind = Answer::Kind;
using State = Submission::State;

namespace {

const Secret kKey("SECRET-KEY");

/// A small service with an id, a list, and a budget: runs are done at their second poll.
struct Runs : ff::test::Backend {
  Reply serve(const Asked& asked) override {
    if (asked.headers.count("x-api-key") == 0 || asked.headers.at("x-api-key") != kKey.value()) {
      return {401, R"({"error": "bad key"})"};
    }
    if (asked.path == "/runs" && asked.method == "POST") {
      on_submit();
      const Json body = Json::parse(asked.body);
      for (const Json& known : list) {
        if (known["config"] == body) {
          return {409, R"({"error": "exists"})"};
        }
      }
      list.push_back({{"id", 100 + list.size()}, {"config", body}, {"polls", 0}});
      return {200, Json{{"id", list.back()["id"]}}.dump()};
    }
    if (asked.path == "/runs") {
      return {200, Json{{"data", list}}.dump()};
    }
    if (asked.path == "/budget") {
      return {200, R"({"left": 10})"};
    }
    for (Json& run : list) {
      if (asked.path == "/runs/" + run["id"].dump()) {
        run["polls"] = run["polls"].get<int>() + 1;
        return {
            200,
            run["polls"] < 2 ? R"({"status": "running"})" : R"({"status": "done", "loss": 2.5})"};
      }
    }
    return {404, R"({"error": "no such run"})"};
  }
  Json list = Json::array();
  std::function<void()> on_submit = [] {};
};

struct Fixture {
  ff::test::TemporaryFolder folder;
  std::shared_ptr<Runs> runs = std::make_shared<Runs>();
  FakeService service{runs};
  ApiSection api;
  Task task;

  Fixture() {
    api.base_url = service.url();
    api.headers = {"X-API-Key: {api_key}"};
    api.timeout_s = 10.0;
    api.max_attempts = 4;
    api.backoff_s = 0.01;
    api.submit.path = "/runs";
    api.submit.body = R"({"shape": {"d": "{d_model}"}, "lr": "{learning_rate}"})";
    api.poll.path = "/runs/{id}";
    api.poll.interval_s = 0.01;
    api.response.status = "/status";
    api.lookup.path = "/runs";
    api.lookup.items = "/data";
    task = {.experiment = {.experiment_id = "exp_0000",
                           .compute_budget = 1e13,
                           .architecture = ff::cost::Architecture{.d_model = 64, .num_heads = 2},
                           .learning_rate = 3e-4},
            .config_hash = "0123456789abcdef",
            .run_dir = folder.path()};
  }
  Answer ask() const { return ask_for_loss(task, api, kKey); }
  /// Answers the submission with the loss.
  void make_synchronous() {
    api.poll.path.clear();
    api.lookup.path.clear();
    api.response.status.reset();
  }
  size_t submissions() const {
    size_t posts = 0;
    for (const Asked& asked : service.asked("/runs")) {
      posts += asked.method == "POST" ? 1 : 0;
    }
    return posts;
  }
  /// Runs that the service knows.
  size_t known() const {
    const auto pause = service.pause();
    return runs->list.size();
  }
  State state() const { return read_submission(folder.path())->state; }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a run is submitted once, polled, and has its loss", "[api]") {
  const Answer answer = ask();
  CHECK(answer.kind == Kind::kDone);
  CHECK(answer.loss == 2.5);
  CHECK(answer.wall_s);
  const Asked submitted = service.asked("/runs").at(0);
  CHECK(submitted.body == R"({"shape":{"d":64},"lr":0.0003})");
  CHECK(submitted.headers.at("idempotency-key") == "0123456789abcdef");
  const auto saved = read_submission(folder.path());
  REQUIRE(saved);
  CHECK(saved->state == State::kSubmitted);
  CHECK(saved->id == "100");
  // Asked again, as after a crash before the result was written: polled, not submitted.
  CHECK(ask().loss == 2.5);
  CHECK(submissions() == 1);
}

TEST_CASE_METHOD(Fixture,
                 "429 waits as long as the service says, in seconds or until a date",
                 "[api]") {
  const auto elapsed = [&] {
    const auto start = std::chrono::steady_clock::now();
    CHECK(ask().loss == 2.5);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  service.fail_next("/runs", {{.status = 429, .headers = {{"Retry-After", "1"}}}});
  CHECK(elapsed() >= 1.0);
  CHECK(submissions() == 2);
  CHECK(service.count("/runs") == 4);  // refused, accepted, two polls: nothing to look up

  char date[64];
  const std::time_t then = std::time(nullptr) + 2;
  std::tm utc{};
  ::gmtime_r(&then, &utc);
  std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  std::filesystem::remove(folder / "api.json");
  task.experiment.learning_rate = 1e-3;
  service.fail_next("/runs", {{.status = 429, .headers = {{"Retry-After", date}}}});
  CHECK(elapsed() >= 0.9);
  CHECK(std::time(nullptr) >= then);

  // Not for longer than allowed.
  std::filesystem::remove(folder / "api.json");
  task.experiment.learning_rate = 2e-3;
  service.fail_next("/runs", {{.status = 429, .headers = {{"Retry-After", "7200"}}}});
  const Answer answer = ask();
  CHECK(answer.kind == Kind::kFailed);
  CHECK_THAT(answer.reason,
             ContainsSubstring("asks to wait 2h 00m, longer than api.max_wait_s=600"));
}

TEST_CASE_METHOD(Fixture, "a refusal is not repeated, a breakdown is, so many times", "[api]") {
  service.fail_next("/runs", {{.status = 422, .body = R"({"error": "SECRET-KEY: lr too high"})"}});
  const Answer refused = ask();
  CHECK(refused.kind == Kind::kFailed);
  CHECK_THAT(refused.reason, ContainsSubstring("/runs: HTTP 422: ***: lr too high"));
  CHECK(submissions() == 1);
  CHECK(state() == State::kEnded);

  service.fail_next("/runs", std::vector<Fault>(8, {.status = 503, .body = "down\nfor now"}));
  api.lookup.path.clear();
  const Answer down = ask();
  CHECK_THAT(down.reason, ContainsSubstring("HTTP 503: down"));
  CHECK_THAT(down.reason, !ContainsSubstring("for now"));
  CHECK(submissions() == 5);
  // It may have arrived, so it counts as under way, under the key of the second attempt.
  CHECK(state() == State::kSubmitting);
  CHECK(service.asked("/runs").back().headers.at("idempotency-key") == "0123456789abcdef-2");
}

TEST_CASE_METHOD(Fixture,
                 "a submission whose fate is unknown is looked up, not repeated",
                 "[api]") {
  api.timeout_s = 0.5;
  for (const Fault& lost : {Fault{.status = 500, .carry_out = true},
                            Fault{.carry_out = true, .hang = true},
                            Fault{.carry_out = true, .cut = true}}) {
    std::filesystem::remove(folder / "api.json");
    task.experiment.learning_rate *= 2;
    const size_t before = submissions();
    service.fail_next("/runs", {lost});
    CHECK(ask().loss == 2.5);
    CHECK(submissions() == before + 1);
  }
  CHECK(known() == 3);
  // If even that fails, it is not sent again: not now, and not by the next call.
  std::filesystem::remove(folder / "api.json");
  task.experiment.learning_rate *= 2;
  service.fail_next("/runs", {{.status = 500, .carry_out = true}, {.status = 404}});
  CHECK(ask().kind == Kind::kFailed);
  CHECK(state() == State::kSubmitting);
  CHECK(ask().loss == 2.5);
  CHECK(known() == 4);
  CHECK(submissions() == 4);
}

TEST_CASE_METHOD(Fixture, "409 Conflict is looked up", "[api]") {
  CHECK(ask().loss == 2.5);
  std::filesystem::remove(folder / "api.json");  // as if another machine had submitted it
  CHECK(ask().loss == 2.5);
  CHECK(submissions() == 2);
  CHECK(known() == 1);
  CHECK(read_submission(folder.path())->id == "100");

  std::filesystem::remove(folder / "api.json");
  service.fail_next("/runs", {{.status = 409}, {.body = R"({"data": [{"id": 1, "config": {}}]})"}});
  CHECK_THAT(ask().reason, ContainsSubstring("but no entry of " + service.url() + "/runs matches"));
  api.lookup.path.clear();
  CHECK_THAT(ask().reason, ContainsSubstring("HTTP 409: exists (api.lookup.path would tell"));
}

TEST_CASE_METHOD(Fixture, "a failed run says why, and the next call submits it anew", "[api]") {
  service.fail_next("/runs/100", {{.body = R"({"status": "failed", "error": "out of memory"})"}});
  const Answer failed = ask();
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.reason == "out of memory");
  CHECK(state() == State::kEnded);
  {
    const auto pause = service.pause();
    runs->list.clear();
  }
  CHECK(ask().loss == 2.5);
  CHECK(submissions() == 2);
}

TEST_CASE_METHOD(Fixture, "while polling, what is not an answer leaves the id good", "[api]") {
  for (const Fault& odd : {Fault{.body = "<html>gateway</html>"},
                           Fault{.body = R"({"status": "paused"})"},
                           Fault{.status = 400, .body = R"({"error": "not now"})"},
                           Fault{.padding = (16 << 20) + 1}}) {
    service.fail_next("/runs/100", {odd});
    const Answer answer = ask();
    CHECK(answer.kind != Kind::kDone);
    CHECK_FALSE(answer.reason.empty());
    CHECK(state() == State::kSubmitted);
  }
  service.fail_next("/runs/100", std::vector<Fault>(3, {.status = 502}));  // is polled again
  CHECK(ask().loss == 2.5);
  CHECK(submissions() == 1);
  service.fail_next("/runs/100", {{.status = 404}});  // forgotten there
  CHECK(ask().kind == Kind::kFailed);
  CHECK(state() == State::kEnded);
}

TEST_CASE_METHOD(Fixture, "polling ends in time, and the next call polls on", "[api]") {
  api.poll.timeout_s = 0.1;
  service.fail_next("/runs/100", std::vector<Fault>(1000, {.body = R"({"status": "queued"})"}));
  const Answer late = ask();
  CHECK(late.kind == Kind::kFailed);
  CHECK_THAT(late.reason,
             ContainsSubstring("still \"queued\" after api.poll.timeout_s=0.1; run 100"));
  CHECK(state() == State::kSubmitted);
}

TEST_CASE_METHOD(Fixture, "an answer without a usable id is a failure", "[api]") {
  api.lookup.path.clear();
  for (const std::string body : {R"({})",
                                 R"({"id": null})",
                                 R"({"id": ""})",
                                 R"({"id": "run\n7"})",
                                 R"({"id": "SECRET-KEY"})"}) {
    service.fail_next("/runs", {{.body = body}});
    const Answer answer = ask();
    CHECK_THAT(answer.reason, ContainsSubstring("no usable id at \"/id\""));
    CHECK_THAT(answer.reason, !ContainsSubstring("SECRET"));
  }
  CHECK(service.count("/runs/") == 0);
}

TEST_CASE_METHOD(Fixture, "without polling the answer is the loss, or the reason", "[api]") {
  make_synchronous();
  const auto answer_to = [&](const std::string& body) {
    std::filesystem::remove(folder / "api.json");
    service.fail_next("/runs", {{.body = body}});
    return ask();
  };
  CHECK(answer_to(R"({"loss": 2.25})").loss == 2.25);
  CHECK(answer_to(R"({"loss": "2.25"})").reason ==
        R"(no finite loss at "/loss": {"loss": "2.25"})");
  CHECK(answer_to(R"({"loss": NaN})").kind == Kind::kFailed);
  CHECK(answer_to(R"({"loss": null})").kind == Kind::kFailed);
  CHECK(answer_to("{}").kind == Kind::kFailed);
  CHECK_THAT(answer_to("not\nJSON").reason, ContainsSubstring("the answer is not JSON: not"));
  CHECK_THAT(answer_to("").reason, ContainsSubstring("(empty)"));
  std::filesystem::remove(folder / "api.json");
  service.fail_next("/runs", {{.padding = (16 << 20) + 1}});
  CHECK_THAT(ask().reason, ContainsSubstring("above 16 MiB"));
  api.response.status = "/status";
  CHECK_THAT(answer_to(R"({"status": "queued"})").reason,
             ContainsSubstring("api.poll.path does not say where to ask again"));
  CHECK(submissions() == 9);
}

TEST_CASE_METHOD(Fixture, "slow loris runs into the time limit, every time", "[api]") {
  make_synchronous();
  api.timeout_s = 0.3;
  api.max_attempts = 2;
  service.fail_next("/runs", {{.drip = true}, {.drip = true}});
  CHECK_THAT(ask().reason, ContainsSubstring("no complete answer within api.timeout_s=0.3"));
  CHECK(submissions() == 2);
}

TEST_CASE_METHOD(Fixture, "what would fail for every experiment stops the sweep", "[api]") {
  const auto stops_with = [&](const std::string& words) {
    try {
      static_cast<void>(ask());
      FAIL("no error");
    } catch (const ServiceError& problem) {
      CHECK_THAT(problem.what(), ContainsSubstring(words));
      CHECK_THAT(problem.what(), !ContainsSubstring("SECRET"));
    }
  };
  service.fail_next("/runs", {{.status = 401, .body = R"({"error": "SECRET-KEY is no key"})"}});
  stops_with("refuses the key in $FLOPS_FIT_API_KEY (HTTP 401: *** is no key)");
  service.fail_next("/runs", {{.status = 403}});
  stops_with("HTTP 403");
  service.fail_next(
      "/runs", {{.status = 307, .headers = {{"Location", "http://evil.example/x?k=SECRET-KEY"}}}});
  api.lookup.path.clear();
  stops_with("HTTP 307 points to http://evil.example/x, and redirects are not followed");
  CHECK(submissions() == 1 + 1);  // the 403 went to the look-up after the first
  api.base_url = "http://127.0.0.1:1";
  stops_with("is the service running, and api.base_url right?");
  api.base_url = "https" + service.url().substr(4);
  stops_with("cannot prove who it is");
}

TEST_CASE_METHOD(Fixture, "the budget is asked for before anything is submitted", "[api]") {
  const std::vector<Task> two = {task, task};
  check_budget(two, api, kKey);
  CHECK(service.count() == 0);  // a service without such a call
  api.budget.path = "/budget";
  api.budget.value = "/left";
  check_budget(two, api, kKey);
  api.budget.cost = "5";
  check_budget(two, api, kKey);
  api.budget.cost = "6";
  CHECK_THROWS_WITH(check_budget(two, api, kKey),
                    ContainsSubstring("has 10 left, and the 2 experiments to submit cost 12"));
  api.budget.cost = "{d_model}";
  CHECK_THROWS_WITH(check_budget(two, api, kKey), ContainsSubstring("cost 128"));
  api.budget.kind = "used";
  api.budget.limit = 12;  // 10 are used
  api.budget.cost = "1.5";
  CHECK_THROWS_WITH(check_budget(two, api, kKey), ContainsSubstring("has 2 left"));
  api.budget.value = "/nowhere";
  CHECK_THROWS_WITH(check_budget(two, api, kKey),
                    ContainsSubstring("budget is not known, and nothing was submitted"));
  CHECK(submissions() == 0);
  // What is submitted already is paid for.
  CHECK(ask().loss == 2.5);
  const size_t before = service.count("/budget");
  check_budget(std::vector<Task>{task}, api, kKey);
  CHECK(service.count("/budget") == before);
}

TEST_CASE_METHOD(Fixture,
                 "a stop signal during a submission keeps its id, and the next call polls",
                 "[api]") {
  ff::install_stop_handlers();
  {
    const auto pause = service.pause();
    runs->on_submit = [] { std::raise(SIGTERM); };  // the service is in this process
  }
  CHECK_THROWS_AS(ask(), Stopped);
  ff::clear_stop_signal();
  CHECK(state() == State::kSubmitted);
  CHECK(ask().loss == 2.5);
  CHECK(submissions() == 1);
}
