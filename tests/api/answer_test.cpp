// SPDX-License-Identifier: MIT
#include "flops_fit/api/answer.h"

#include "support/catch.h"

using namespace ff::api;
using Kind = Answer::Kind;

namespace {

Answer read(const std::string& body, const ApiSection& api = {}) {
  const auto document = parse_answer(body);
  REQUIRE(document);
  return read_answer(*document, body, api, Secret("SECRET"));
}

ApiSection with_status() {
  ApiSection api;
  api.response.status = "/status/type";
  api.response.loss = "/status/losses/-1";
  api.response.flops = "/flops";
  api.response.wall_time = "/seconds";
  api.response.error = {"/status/reason/why", "/status/reason", "/detail"};
  return api;
}

}  // namespace

TEST_CASE("a loss is a finite number, or the run has failed", "[api]") {
  CHECK(read(R"({"loss": 2.5})").kind == Kind::kDone);
  CHECK(read(R"({"loss": 2.5})").loss == 2.5);
  CHECK(read(R"({"loss": 3})").loss == 3.0);
  // As a string, null, missing, of another kind, and as Python's json module writes NaN.
  for (const char* body : {R"({"loss": "2.5"})",
                           R"({"loss": null})",
                           R"({"value": 2.5})",
                           R"({"loss": [2.5]})",
                           R"({"loss": true})",
                           R"({"loss": NaN})",
                           R"({"loss": -Infinity})",
                           "2.5",
                           "[]"}) {
    const Answer answer = read(body);
    INFO(body);
    CHECK(answer.kind == Kind::kFailed);
    CHECK(answer.reason == std::string("no finite loss at \"/loss\": ") + body);
  }
  CHECK_FALSE(parse_answer(R"({"loss": 1e999})"));
  CHECK_FALSE(parse_answer("<html>502</html>"));
  CHECK_FALSE(parse_answer(""));
  CHECK_FALSE(parse_answer(std::string(100000, '[')));
  CHECK(parse_answer("[" + std::string(300, ' ') + "\"" + std::string(300, '[') + "\"]"));
}

TEST_CASE("a status decides, and an unknown one is refused by name", "[api]") {
  const ApiSection api = with_status();
  const Answer done =
      read(R"({"status": {"type": "completed", "losses": [9, 2.25]}, "flops": 1e12, "seconds": 4})",
           api);
  CHECK(done.kind == Kind::kDone);
  CHECK(done.loss == 2.25);
  CHECK(done.flops == 1e12);
  CHECK(done.wall_s == 4.0);
  CHECK(read(R"({"status": {"type": "queued"}})", api).kind == Kind::kWaiting);
  const Answer failed =
      read(R"({"status": {"type": "failed", "reason": {"why": "timeout"}, "losses": [2]}})", api);
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.reason == "timeout");
  CHECK(read(R"({"status": {"type": "failed", "reason": {"x": 1}}})", api).reason == R"({"x":1})");
  const Answer odd = read(R"({"status": {"type": "paused"}})", api);
  CHECK(odd.kind == Kind::kUnclear);
  CHECK_THAT(odd.reason, ContainsSubstring("the status \"paused\" is in none of"));
  CHECK(read("{}", api).kind == Kind::kUnclear);
  CHECK(read(R"({"status": {"type": "completed", "losses": []}})", api).kind == Kind::kFailed);
  // Numbers that make no sense are left out, not believed.
  CHECK_FALSE(
      read(R"({"status": {"type": "done", "losses": [2]}, "flops": "1e12", "seconds": -4})", api)
          .flops);
}

TEST_CASE("reasons come without the key, in one line", "[api]") {
  const ApiSection api;
  const Secret key("SECRET");
  CHECK(reason_in(R"({"error": "key SECRET is over budget"})", api, key) ==
        "key *** is over budget");
  CHECK(reason_in("<p>SECRET\nmore", api, key) == "<p>***");
  CHECK(reason_in("", api, key) == "no reason given");
  CHECK(reason_in(R"({"error": null, "detail": [{"msg": "bad"}]})", api, key) ==
        R"([{"msg":"bad"}])");
}
