// SPDX-License-Identifier: MIT
// What is refused before anything is sent.
#include "flops_fit/api/check.h"

#include "support/catch.h"
#include "support/environment.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/train/config.h"
#include "flops_fit/util/error.h"

#include <functional>

using namespace ff::api;
using ff::ConfigError;
using ff::test::EnvironmentVariable;

namespace {

constexpr const char* kVariable = "FLOPS_FIT_TEST_KEY";

ApiSection section() {
  ApiSection api;
  api.base_url = "http://127.0.0.1:1";
  api.key_env = kVariable;
  api.headers = {"Authorization: Bearer {api_key}"};
  api.submit.body = R"({"d": "{d_model}", "seed": "{seed}"})";
  api.poll.path = "/runs/{id}";
  api.response.status = "/status";
  return api;
}

std::vector<ff::io::Experiment> sweep() {
  ff::io::Experiment e{.experiment_id = "exp_0000",
                       .compute_budget = 1e13,
                       .architecture = ff::cost::Architecture{.d_model = 64, .num_heads = 2}};
  std::vector<ff::io::Experiment> two = {e, e};
  two[1].experiment_id = "exp_0001";
  two[1].seed = 1;
  return two;
}

/// The message that a change to a good configuration leads to; empty if it is accepted.
std::string refusal(const std::function<void(ApiSection&)>& change) {
  ApiSection api = section();
  change(api);
  try {
    check_service(api, Secret("SECRET"), sweep(), "sweep.json");
  } catch (const ConfigError& problem) {
    return problem.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the key comes from the environment, and must be there if it is used", "[api]") {
  ::unsetenv(kVariable);
  CHECK_THROWS_WITH(key_from_environment(section()),
                    ContainsSubstring("variable FLOPS_FIT_TEST_KEY (api.key_env), which holds the "
                                      "service's key, is not set"));
  ApiSection keyless = section();
  keyless.headers.clear();
  CHECK(key_from_environment(keyless).empty());
  keyless.budget.query = {"k={api_key}"};
  CHECK_THROWS_AS(key_from_environment(keyless), ConfigError);
  {
    const EnvironmentVariable empty(kVariable, "");
    CHECK_THROWS_WITH(key_from_environment(section()), ContainsSubstring("is empty"));
  }
  {
    const EnvironmentVariable good(kVariable, "SECRET key");
    CHECK(key_from_environment(section()).value() == "SECRET key");
  }
  for (const std::string bad : {"SECRET\nX-Evil: 1", "SECRET ", "SEC\x01RET"}) {
    const EnvironmentVariable variable(kVariable, bad);
    try {
      static_cast<void>(key_from_environment(section()));
      FAIL("accepted");
    } catch (const ConfigError& problem) {
      CHECK_THAT(problem.what(), !ContainsSubstring("SECRET"));
    }
  }
}

TEST_CASE("a key inside the configuration is refused without being shown", "[api]") {
  ff::train::TrainConfig config;
  refuse_key_in(ff::config::dump_node(config), Secret("SECRET"));
  refuse_key_in(ff::config::dump_node(config), Secret());
  config.api.headers = {"X: 1", "X-API-Key: SECRET"};
  try {
    refuse_key_in(ff::config::dump_node(config), Secret("SECRET"));
    FAIL("accepted");
  } catch (const ConfigError& problem) {
    CHECK_THAT(problem.what(), ContainsSubstring("api.headers: holds the service's key itself"));
    CHECK_THAT(problem.what(), !ContainsSubstring("SECRET"));
  }
}

TEST_CASE("a key in a call is refused before the call is written down", "[api]") {
  ff::train::TrainConfig config;
  config.api.key_env = kVariable;
  const auto said = [&](const std::vector<std::string>& overrides) {
    try {
      refuse_key_in_call(config.api, ff::config::dump_node(config), overrides);
    } catch (const ConfigError& problem) {
      CHECK_THAT(problem.what(), !ContainsSubstring("SECRET"));
      return std::string(problem.what());
    }
    return std::string();
  };
  const std::vector<std::string> leak = {"mode=api", "api.headers=[\"K: SECRET\"]"};
  ::unsetenv(kVariable);
  CHECK(said(leak).empty());  // there is no key
  {
    const EnvironmentVariable empty(kVariable, "");
    CHECK(said(leak).empty());
  }
  const EnvironmentVariable variable(kVariable, "SECRET");
  CHECK_THAT(said(leak), ContainsSubstring("api.headers: holds the service's key itself"));
  CHECK(said({"mode=api", "~api.ca_file", "api.headers=[\"K: {api_key}\"]"}).empty());
  config.api.submit.query = {"k=SECRET"};  // of a file
  CHECK_THAT(said({}), ContainsSubstring("api.submit.query: holds the service's key itself"));
  config.api.submit.query.clear();
  const EnvironmentVariable digits(kVariable, "8675309");
  CHECK(said({"trainer.seed=8675309"}).empty());  // a number is no key
}

TEST_CASE("a good configuration passes", "[api]") {
  CHECK(refusal([](ApiSection&) {}).empty());
  CHECK(refusal([](ApiSection& a) { a.base_url = "https://[::1]:8080/v1/"; }).empty());
  // What tells experiments apart may stand in the body, the query or the path.
  CHECK(refusal([](ApiSection& a) { a.lookup.path = "/runs"; }).empty());
  CHECK(refusal([](ApiSection& a) {
          a.lookup.path = "/runs";
          a.submit.body = R"({"d": "{d_model}"})";
          a.submit.query = {"seed={seed}"};
        }).empty());
  CHECK(refusal([](ApiSection& a) {
          a.lookup.path = "/runs";
          a.submit.body.clear();
          a.submit.path = "/train/{d_model}/{seed}";
        }).empty());
}

TEST_CASE("what is wrong is refused by name before anything is sent", "[api]") {
  const auto refused = [](const std::string& words,
                          const std::function<void(ApiSection&)>& change) {
    CHECK_THAT(refusal(change), ContainsSubstring(words));
  };
  refused("api.base_url is empty", [](ApiSection& a) { a.base_url = ""; });
  refused("api.base_url: \"ftp://x\"", [](ApiSection& a) { a.base_url = "ftp://x"; });
  refused("is not of the form https", [](ApiSection& a) { a.base_url = "http://"; });
  refused("is not of the form https", [](ApiSection& a) { a.base_url = "http://x/?k=SECRET"; });
  refused("holds a user name", [](ApiSection& a) { a.base_url = "http://u:SECRET@x"; });
  refused("api.submit.body is not JSON", [](ApiSection& a) { a.submit.body = "{"; });
  refused("api.submit.body: unknown name {width}; known here: experiment_id, compute_budget",
          [](ApiSection& a) { a.submit.body = R"(["{width}"])"; });
  refused("{api_key} may stand only in api.headers",
          [](ApiSection& a) { a.submit.body = R"(["{api_key}"])"; });
  refused("{api_key} may stand only in", [](ApiSection& a) { a.submit.path = "/{api_key}"; });
  refused("api.poll.path: unknown name {d_model}; known here: id",
          [](ApiSection& a) { a.poll.path = "/{d_model}"; });
  refused("api.lookup.query: unknown name {seed}; known here: api_key",
          [](ApiSection& a) { a.lookup.query = {"a={seed}"}; });
  refused("\"novalue\" is not of the form \"name=value\"",
          [](ApiSection& a) { a.submit.query = {"novalue"}; });
  refused("api.headers: \"nothing\"", [](ApiSection& a) { a.headers = {"nothing"}; });
  refused("api.headers", [](ApiSection& a) { a.headers = {"A: b\r\nC: d"}; });
  refused("a GET has no body", [](ApiSection& a) { a.submit.method = "GET"; });
  refused("api.response.loss: \"loss\"", [](ApiSection& a) { a.response.loss = "loss"; });
  refused("api.response.status is null", [](ApiSection& a) { a.response.status.reset(); });
  refused("the status \"failed\" is in failed and in waiting",
          [](ApiSection& a) { a.response.waiting = {"failed"}; });
  refused("api.budget.limit is 0", [](ApiSection& a) {
    a.budget.path = "/b";
    a.budget.kind = "used";
  });
  refused("api.budget.cost: \"much\" is not a number",
          [](ApiSection& a) { a.budget.cost = "much"; });
  refused("api.ca_file: there is no file /nowhere", [](ApiSection& a) { a.ca_file = "/nowhere"; });
  refused("api.limits", [](ApiSection& a) { a.limits = {"d_model=128..256"}; });
  refused("experiment exp_0000 has no batch_size (batch [sequences])",
          [](ApiSection& a) { a.submit.query = {"b={batch_size}"}; });
  // With a list to look into, what an entry is compared with must be of one experiment.
  refused("api.lookup.path: api.submit says nothing of the experiment", [](ApiSection& a) {
    a.lookup.path = "/runs";
    a.submit.path = "/train/{experiment_id}";
    a.submit.body = R"({"priority": 1})";
  });
  refused("api.lookup.path: api.submit says nothing of the experiment", [](ApiSection& a) {
    a.lookup.path = "/runs";
    a.submit.body.clear();
    a.submit.query = {"token={api_key}", "priority=1"};
  });
  refused("experiments exp_0000 and exp_0001 cannot be told apart in the service's list",
          [](ApiSection& a) {
            a.lookup.path = "/runs";
            a.submit.path = "/train/{experiment_id}";
            a.submit.body = R"({"d": "{d_model}"})";
          });
  // Without the seed both experiments would be the same run, counted twice.
  refused("experiments exp_0000 and exp_0001 make the same request",
          [](ApiSection& a) { a.submit.body = R"({"d": "{d_model}"})"; });
}
