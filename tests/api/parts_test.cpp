// SPDX-License-Identifier: MIT
// Templates, pointers, limits, fields, the key: the parts that need no network.
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/api/fields.h"
#include "flops_fit/api/limits.h"
#include "flops_fit/api/pointer.h"
#include "flops_fit/api/secret.h"
#include "flops_fit/api/submission.h"
#include "flops_fit/api/template.h"
#include "flops_fit/io/json.h"
#include "flops_fit/util/error.h"

#include <cstdint>

using namespace ff::api;
using ff::io::Json;

namespace {

ff::io::Experiment experiment() {
  return {.experiment_id = "exp_0001",
          .compute_budget = 1e13,
          .model_size = 49152,
          .num_tokens = 655360,
          .architecture = ff::cost::Architecture{.d_model = 64,
                                                 .num_layers = 2,
                                                 .num_heads = 4,
                                                 .d_ff = 256,
                                                 .vocab_size = 32000,
                                                 .seq_len = 512},
          .batch_size = 128,
          .num_steps = 10,
          .warmup_steps = 1,
          .learning_rate = 0.0003,
          .seed = 7};
}

}  // namespace

TEST_CASE("a template fills in fields, and numbers stay numbers", "[api]") {
  const Json body = Json::parse(
      R"({"d": "{d_model}", "deep": [{"lr": "{learning_rate}"}], "c": "{compute_budget}",
          "name": "run {experiment_id} {{x}}", "fixed": 1.5, "w": "{warmup_fraction}"})");
  const Json filled = expand_json(body, experiment());
  CHECK(filled.dump() ==
        R"({"d":64,"deep":[{"lr":0.0003}],"c":10000000000000,"name":"run exp_0001 {x}",)"
        R"("fixed":1.5,"w":0.1})");
  // What services compare exactly: digits, not 1e13; the shortest fraction that reads back.
  CHECK(as_text(find_field("compute_budget")->of(experiment())) == "10000000000000");
  CHECK(as_text(find_field("learning_rate")->of(experiment())) == "0.0003");
  CHECK(as_text(find_field("head_dim")->of(experiment())) == "16");
  CHECK(as_text(find_field("batch_tokens")->of(experiment())) == "65536");
  auto huge = experiment();
  huge.compute_budget = 1e19;  // above 2^63
  CHECK(as_text(find_field("compute_budget")->of(huge)) == "1e+19");
  huge.architecture.reset();
  CHECK(find_field("d_model")->of(huge).is_null());
  CHECK(placeholders("{a}{{b}}{c}", "k") == std::vector<std::string>{"a", "c"});
  CHECK_THROWS_WITH(placeholders("a{b", "api.submit.path"), ContainsSubstring("api.submit.path"));
  CHECK_THROWS_AS(placeholders("a}b", "k"), ff::ConfigError);
  for (const Field& field : fields()) {
    CHECK_FALSE(field.of(experiment()).is_structured());
  }
}

TEST_CASE("a pointer finds what it points to, and -1 the last", "[api]") {
  const Json document = Json::parse(R"({"a": {"b/c": [1, 2, {"~": null}]}, "empty": []})");
  CHECK(*find_at(document, "/a/b~1c/0") == 1);
  CHECK(find_at(document, "/a/b~1c/-1/~0")->is_null());
  CHECK(find_at(document, "") == &document);
  for (const char* nowhere : {"/b", "/a/b", "/a/b~1c/3", "/a/b~1c/x", "/empty/-1", "/a/b~1c/0/z"}) {
    CHECK(find_at(document, nowhere) == nullptr);
  }
  CHECK_THROWS_WITH(check_pointer("status", "api.response.status"),
                    ContainsSubstring("api.response.status: \"status\" is not a JSON pointer"));
  CHECK_THROWS_AS(check_pointer("/a~2", "k"), ff::ConfigError);
}

TEST_CASE("an entry matches a submission if it holds all of its values", "[api]") {
  const Json sent = Json::parse(R"({"a": {"n": 3, "list": [1, 2]}, "f": 1.0})");
  CHECK(holds_somewhere(
      Json::parse(R"([{"x": {"f": 1, "a": {"list": [1, 2.0], "n": 3, "z": 0}}}])"), sent));
  CHECK_FALSE(holds_somewhere(Json::parse(R"({"f": 1, "a": {"n": 3, "list": [1]}})"), sent));
  CHECK_FALSE(holds_somewhere(Json::parse(R"({"f": 1, "a": {"n": "3", "list": [1, 2]}})"), sent));
  CHECK_FALSE(holds_somewhere(Json::parse(R"({"a": {"n": 3, "list": [1, 2]}})"), sent));
  // Nested beyond reason: no match, and no crash.
  CHECK_FALSE(holds_somewhere(Json::parse(std::string(5000, '[') + std::string(5000, ']')), sent));
}

TEST_CASE("limits refuse experiments by name", "[api]") {
  const auto refuses = [](const std::string& limit) {
    try {
      check_limits({limit}, experiment(), "sweep.json");
    } catch (const ff::ConfigError& problem) {
      return std::string(problem.what());
    }
    return std::string();
  };
  for (const char* good : {"d_model=64..1024",
                           "batch_size=128|256",
                           "num_tokens=*65536",
                           "compute_budget=1e13|3e13",
                           "learning_rate=1e-4..1e-3"}) {
    CHECK(refuses(good).empty());
  }
  CHECK_THAT(
      refuses("d_model=128..1024"),
      ContainsSubstring("sweep.json: experiment exp_0001 has d_model = 64, which the service "
                        "does not take (api.limits: d_model=128..1024)"));
  CHECK_FALSE(refuses("batch_size=64|256").empty());
  CHECK_FALSE(refuses("num_tokens=*65537").empty());
  for (const char* nonsense :
       {"d_model", "d_model=", "d_model=a..b", "d_model=1..2..3", "seed=*0"}) {
    CHECK_THAT(refuses(nonsense), ContainsSubstring("is none of"));
  }
  CHECK_THAT(refuses("width=1"), ContainsSubstring("unknown field; known are experiment_id"));
}

TEST_CASE("the key is found and hidden in every form it can take", "[api]") {
  const Secret key("a b/\"c\"+1");
  CHECK(key.redacted("x a b/\"c\"+1 y") == "x *** y");
  CHECK(key.redacted("?k=a%20b%2F%22c%22%2B1&z") == "?k=***&z");
  CHECK(key.redacted("?k=a%20b%2f%22c%22%2b1") == "?k=***");
  CHECK(key.redacted("?k=a+b%2F%22c%22%2B1") == "?k=***");
  CHECK(key.redacted(R"({"key": "a b/\"c\"+1"})") == R"({"key": "***"})");
  CHECK(key.redacted(R"({"key": "a b\/\"c\"+1"})") == R"({"key": "***"})");
  CHECK(key.occurs_in("--a b/\"c\"+1--"));
  CHECK_FALSE(Secret().occurs_in("anything"));
  CHECK(Secret().redacted("anything") == "anything");
  // The cut comes after: no part of a key remains at the end.
  const std::string line =
      printable(std::string(190, 'x') + "SECRETSECRETSECRET", Secret("SECRETSECRETSECRET"));
  CHECK(line == std::string(190, 'x') + "***");
  CHECK(printable(std::string(500, 'x'), Secret()).size() == 200);
  CHECK(printable("\r\n  \x1b[31mred\x07\nsecond", Secret()) == "[31mred");
  CHECK(printable(std::string("SEC\0RET\n", 8), Secret("SECRET")) == "***");
  CHECK(printable("\xff\xfe", Secret()) == "\xef\xbf\xbd\xef\xbf\xbd");  // no longer broken UTF-8
  CHECK(url_encoded("a b/ä") == "a%20b%2F%C3%A4");
}

TEST_CASE("what was submitted is read back from disk, and nonsense there is refused", "[api]") {
  const ff::test::TemporaryFolder folder;
  CHECK_FALSE(read_submission(folder.path()));
  Submission sent{.config_hash = "00000000000000c0",
                  .request_hash = "00000000000000d0",
                  .attempt = 2,
                  .submitted_at = 99};
  write_submission(folder.path(), sent);
  CHECK(read_submission(folder.path())->state == Submission::State::kSubmitting);
  CHECK(read_submission(folder.path())->idempotency_key() == "00000000000000c0-2");
  sent.state = Submission::State::kSubmitted;
  sent.id = "17";
  write_submission(folder.path(), sent);
  CHECK(read_submission(folder.path())->id == "17");
  CHECK(read_submission(folder.path())->submitted_at == 99);
  // Submitting again could pay twice: not for the program to decide.
  for (const std::string damaged : {"", "{", "[]", R"({"state": "submitted"})"}) {
    ff::test::write_text(folder / "api.json", damaged);
    CHECK_THROWS_AS(read_submission(folder.path()), ff::FileError);
  }
}

TEST_CASE("an api.json that somebody changed is refused, field by field", "[api]") {
  const ff::test::TemporaryFolder folder;
  const auto path = folder / "api.json";
  write_submission(folder.path(),
                   {.config_hash = "00000000000000c0",
                    .request_hash = "00000000000000d0",
                    .state = Submission::State::kSubmitted,
                    .id = "17",
                    .service = "https://a.example",
                    .attempt = 3,
                    .submitted_at = 99});
  const Json written = ff::io::read_json(path, "");
  CHECK(read_submission(folder.path())->attempt == 3);
  const auto said = [&](Json json) {
    ff::io::write_json(path, json);
    try {
      static_cast<void>(read_submission(folder.path()));
    } catch (const ff::FileError& problem) {
      CHECK_THAT(problem.what(), ContainsSubstring("or delete it to submit the run again"));
      return std::string(problem.what());
    }
    return std::string();
  };
  for (const auto& [field, value] :
       std::vector<std::pair<std::string, Json>>{{"id", "18"},
                                                 {"attempt", 4},
                                                 {"state", "ended"},
                                                 {"service", "https://b.example"},
                                                 {"config_hash", "00000000000000c1"},
                                                 {"request_hash", "00000000000000d1"},
                                                 {"submitted_at", 98},
                                                 {"more", 1},
                                                 {"checksum", "0123456789abcdef"}}) {
    INFO(field);
    Json changed = written;
    changed[field] = value;
    CHECK_THAT(said(changed), ContainsSubstring("its checksum differs"));
  }
  // Of an earlier version, which had no checksum; and one with a checksum of its own nonsense.
  for (const bool sealed : {false, true}) {
    Json old = written;
    old.erase("checksum");
    const auto with = [&](const std::string& field, const Json& value) {
      Json changed = old;
      changed[field] = value;
      if (sealed) {
        changed["checksum"] = ff::io::checksum_of(changed);
      }
      return said(changed);
    };
    CHECK(with("attempt", 3).empty());
    CHECK(with("service", nullptr).empty());
    CHECK(with("service", "https://A.example/").empty());
    CHECK(read_submission(folder.path())->service == "https://a.example");
    for (const Json& attempt : {Json(0), Json(-1), Json(1'000'001), Json(INT64_MAX)}) {
      CHECK_THAT(with("attempt", attempt),
                 ContainsSubstring("attempt: expected a whole number from 1 to 1000000, found"));
    }
    for (const Json& time : {Json(-1), Json(INT64_MIN), Json(INT64_MAX)}) {
      CHECK_THAT(with("submitted_at", time), ContainsSubstring("submitted_at: expected a whole"));
    }
    CHECK_THAT(with("state", "lost"), ContainsSubstring("state: \"lost\" is none of submitting"));
    CHECK_THAT(with("id", nullptr), ContainsSubstring("submitted without an id"));
    CHECK_THAT(with("id", ".."), ContainsSubstring("is no id of a run"));
  }
}
