// SPDX-License-Identifier: MIT
// Which submission is which: one run of the service is one experiment's, wherever its folder is and
// however the request was written.
#include "flops_fit/api/identity.h"

#include "fake_service.h"
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/api/service.h"
#include "flops_fit/api/submission.h"
#include "flops_fit/config/dump.h"
#include "flops_fit/config/load.h"
#include "flops_fit/util/error.h"

#include <functional>

using namespace ff::api;
using ff::io::Json;
using ff::test::Asked;
using ff::test::FakeService;
using ff::test::Reply;
using Kind = Answer::Kind;
using State = Submission::State;

namespace {

/// Gives every submission the id `id`; `entries` is its list of runs.
struct Runs : ff::test::Backend {
  Reply serve(const Asked& asked) override {
    if (asked.path == "/runs") {
      return {200, Json{{"data", entries}}.dump()};
    }
    if (asked.path.starts_with("/runs/")) {
      return {status, R"({"status": "done", "loss": 2.5})"};
    }
    return {200, Json{{"id", id}, {"loss", 2.25}}.dump()};
  }
  Json id = "7";
  Json entries = Json::array();
  int status = 200;
};

struct Fixture {
  ff::test::TemporaryFolder folder;
  std::shared_ptr<Runs> runs = std::make_shared<Runs>();
  FakeService service{runs};
  ApiSection api;

  Fixture() {
    api.base_url = service.url();
    api.max_attempts = 2;
    api.backoff_s = 0.01;
    api.submit.path = "/train";
    api.submit.body = R"({"d": "{d_model}", "seed": "{seed}"})";
    api.poll.path = "/runs/{id}";
    api.poll.interval_s = 0.01;
    api.response.status = "/status";
  }
  void look_up() {
    api.lookup.path = "/runs";
    api.lookup.items = "/data";
  }
  /// The submission is answered with the loss.
  void make_synchronous() {
    api.poll.path.clear();
    api.response.status.reset();
  }
  Task task(int64_t n) const {
    const std::string id = "exp_000" + std::to_string(n);
    Task made{.experiment = {.experiment_id = id,
                             .compute_budget = 1e13,
                             .num_tokens = 4096,
                             .architecture = ff::cost::Architecture{.d_model = 64, .num_heads = 2},
                             .seed = n},
              .config_hash = "000000000000000" + std::to_string(n),
              .run_dir = folder / ("runs/" + id)};
    std::filesystem::create_directories(made.run_dir);
    return made;
  }
  Answer ask(int64_t n) const { return ask_for_loss(task(n), api, {}); }
  /// What stops the sweep; empty if nothing does.
  std::string stop(int64_t n) const {
    try {
      const Answer answer = ask(n);
      CHECK(answer.kind == Kind::kDone);
    } catch (const ServiceError& problem) {
      return problem.what();
    }
    return "";
  }
  Submission saved(int64_t n) const { return *read_submission(task(n).run_dir); }
  void set(const std::function<void(Runs&)>& change) const {
    const auto pause = service.pause();
    change(*runs);
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "what only the path says takes part in a look-up", "[api]") {
  look_up();
  api.submit.path = "/train/{d_model}/{seed}";
  api.submit.body.clear();
  set([](Runs& r) {
    r.entries = Json::parse(R"([{"id": 1, "d_model": 64, "seed": 2}, {"id": 2, "d_model": 32,
      "seed": 1}, {"id": 3, "state": "done"}])");
  });
  service.fail_next("/train", {{.status = 409}});
  const Answer none = ask(1);
  CHECK(none.kind == Kind::kFailed);
  CHECK_THAT(none.reason, ContainsSubstring("but no entry of"));
  set([](Runs& r) {
    r.entries.push_back(Json::parse(R"({"id": 4, "config": {"d_model": 64}, "seed": 1})"));
  });
  service.fail_next("/train", {{.status = 409}});
  CHECK(ask(1).loss == 2.5);
  CHECK(saved(1).id == "4");
  // An answer that was lost is not made up for by somebody else's run.
  service.fail_next("/train", {{.status = 500}, {.body = R"({"id": 5})"}});
  CHECK(ask(3).loss == 2.5);
  CHECK(saved(3).id == "5");
}

TEST_CASE_METHOD(Fixture, "fields in a query count beside a body", "[api]") {
  look_up();
  api.submit.body = R"({"d": "{d_model}"})";
  const std::string before = request_hash(api, task(1).experiment);
  api.submit.query = {"priority=1"};  // says nothing of the experiment
  CHECK(request_hash(api, task(1).experiment) == before);
  CHECK(submitted_values(api, task(1).experiment).size() == 1);
  api.submit.query = {"priority=1", "seed={seed}"};
  CHECK(request_hash(api, task(1).experiment) != request_hash(api, task(2).experiment));
  set([](Runs& r) { r.entries = Json::parse(R"([{"id": 1, "d": 64, "seed": 2}])"); });
  service.fail_next("/train", {{.status = 409}, {.status = 409}});
  CHECK(ask(1).kind == Kind::kFailed);
  CHECK(ask(2).loss == 2.5);
  CHECK(saved(2).id == "1");
}

TEST_CASE_METHOD(Fixture, "an id is its first owner's, wherever that one's folder is", "[api]") {
  CHECK(ask(0).loss == 2.5);
  SECTION("beside it, ended") {
    Submission first = saved(0);
    first.state = State::kEnded;
    write_submission(task(0).run_dir, first);
    CHECK_THAT(stop(1), ContainsSubstring("gave exp_0001 the run 7, which is that of exp_0000"));
  }
  SECTION("set aside") {
    const auto aside = folder / "replaced/exp_0000-0000000000000000";
    std::filesystem::create_directory(folder / "replaced");
    std::filesystem::rename(folder / "runs/exp_0000", aside);
    const std::string message = stop(1);
    CHECK_THAT(message, ContainsSubstring("that of exp_0000-0000000000000000 already"));
    CHECK_THAT(message, ContainsSubstring("delete " + (aside / "api.json").string()));
    CHECK(saved(1).id.empty());
    // The same request asked for again is not another's.
    CHECK(ask(0).loss == 2.5);
  }
  SECTION("whose service was written with a slash, or in capitals") {
    for (const std::string& url : {service.url() + "/", "HTTP" + service.url().substr(4) + "//"}) {
      Submission first = saved(0);
      first.service = url;
      write_submission(task(0).run_dir, first);
      CHECK_FALSE(stop(1).empty());
    }
    api.base_url += "/";
    CHECK_FALSE(stop(1).empty());
    CHECK(stop(0).empty());
  }
  SECTION("but not if the service has forgotten it") {
    set([](Runs& r) { r.status = 404; });
    CHECK(ask(0).kind == Kind::kFailed);
    CHECK(saved(0).state == State::kEnded);
    CHECK(saved(0).id.empty());
    set([](Runs& r) { r.status = 200; });  // a new service, which begins anew
    CHECK(ask(1).loss == 2.5);
  }
}

TEST_CASE_METHOD(Fixture, "ids of a service that answers at once are compared, too", "[api]") {
  make_synchronous();
  CHECK(ask(0).loss == 2.25);
  CHECK(saved(0).id == "7");
  const std::string message = stop(1);
  CHECK_THAT(message, ContainsSubstring("gave exp_0001 the run 7, which is that of exp_0000"));
  CHECK_THAT(message, ContainsSubstring("api.response.id points to the wrong place"));
  CHECK(stop(0).empty());  // the same request may well get the same
  set([](Runs& r) { r.id = 8; });
  CHECK(stop(1).empty());
  CHECK(saved(1).id == "8");
  // Most have none.
  set([](Runs& r) { r.id = nullptr; });
  CHECK(stop(2).empty());
  CHECK(stop(3).empty());
  // An entry of its list that is another's is not taken either.
  look_up();
  set([](Runs& r) {
    r.entries = Json::parse(R"([{"id": 8, "d": 64, "seed": 4, "loss": 2.125}])");
  });
  service.fail_next("/train", {{.status = 409}});
  CHECK(ask(4).kind == Kind::kFailed);
  set([](Runs& r) { r.entries[0]["id"] = 9; });
  service.fail_next("/train", {{.status = 409}});
  CHECK(ask(4).loss == 2.125);
}

TEST_CASE("equal requests have one normal form, however they are written", "[api]") {
  CHECK(service_url("HTTPS://Train.Example:8080/V1//") == "https://train.example:8080/V1");
  CHECK(service_url("http://a.example") == "http://a.example");
  CHECK(service_url("nonsense/") == "nonsense");
  const auto hash = [](const ApiSection& api) {
    return ff::config::identity_hash(normal_form(api));
  };
  ApiSection api;
  api.base_url = "https://a.example/v1";
  api.submit.path = "/runs";
  api.submit.body = R"({"d": "{d_model}", "list": [1, 2.5, 1e-6], "no": {}, "t": true})";
  CHECK(normal_form(api).submit.body == api.submit.body);
  ApiSection same = api;
  same.base_url = "https://A.example/v1/";
  same.submit.path = "runs";
  same.submit.body =
      "\n{\"d\":\"{d_model}\",\t\"list\" : [ 1,2.50,0.000001 ],\"no\":{ },\"t\":true} ";
  CHECK(hash(same) == hash(api));
  CHECK(request_hash(same, {}) == request_hash(api, {}));
  for (const std::string body :
       {R"({"d": "{ d_model}"})",
        R"({"d": "{d_model}", "list": [1, 2.5, 1e-7], "no": {}, "t": true})",
        R"({"d": "{d_model}", "list": [12.5, 1e-6], "no": {}, "t": true})",
        R"({"d": "{d_model}", "list": [1, 2.5, 1e-6], "no": [], "t": true})",
        "{not JSON"}) {
    ApiSection other = api;
    other.submit.body = body;
    CHECK(hash(other) != hash(api));
  }
  CHECK(normal_form({}).submit.body.empty());
}

TEST_CASE("the presets are in normal form, so that their runs keep their hashes", "[api]") {
  for (const std::string preset : {"cs336_2024", "cs336_2026"}) {
    const auto tree =
        ff::config::read_yaml(ff::test::source_dir() / ("conf/presets/" + preset + ".yaml"));
    const ff::config::Node* node = tree.find_path("trainer.api");
    REQUIRE(node != nullptr);
    const auto api = ff::config::load<ApiSection>(*node);
    CHECK(normal_form(api).submit.body == api.submit.body);
    CHECK(normal_form(api).submit.path == api.submit.path);
    CHECK(normal_form(api).base_url == api.base_url);
  }
}
