// SPDX-License-Identifier: MIT
// Ids and hashes that are read from files: both become parts of paths.
#include "flops_fit/io/experiment_id.h"

#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/io/results.h"
#include "flops_fit/io/sweep.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"

using namespace ff;
using namespace ff::io;

namespace {

const std::vector<std::string> kOddIds = {"",
                                          "a\nb",
                                          std::string("a\0b", 3),
                                          "<script>alert(1)<script>",
                                          "$(touch pwned)",
                                          "`touch pwned2`",
                                          "'\"; system(\"touch pwned3\") #",
                                          "-rf",
                                          "--output=x",
                                          "a b",
                                          " a",
                                          "a/b",
                                          "/etc",
                                          "a\\b",
                                          ".",
                                          "..",
                                          "../../victim",
                                          ".results.lock",
                                          "%2e%2e",
                                          "\x1b[2J\x1b]0;title\x07",
                                          "a\x7f",
                                          "\xc2\x9b"
                                          "2J",
                                          "\xff",
                                          "expérience",
                                          "a:b",
                                          "a*",
                                          "~root",
                                          "%s%n",
                                          "\xe2\x80\xae"
                                          "evil\x07",
                                          "{{}}",
                                          "\ttab",
                                          "|touch pwned5",
                                          "@all",
                                          "=1",
                                          std::string(129, 'a'),
                                          std::string(5000, 'a')};

Json experiment_named(const std::string& id) {
  return {
      {"experiment_id", id}, {"compute_budget", 1e9}, {"model_size", 1000}, {"num_tokens", 2000}};
}

Json result_named(const std::string& id) {
  Json json = experiment_named(id);
  json["final_loss"] = 2.0;
  return json;
}

std::string refusal(const std::function<void()>& read) {
  try {
    read();
  } catch (const FileError& problem) {
    return problem.what();
  }
  return "";
}

/// One line that a terminal shows as it is.
bool is_plain(const std::string& message) {
  return std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

}  // namespace

TEST_CASE("ids that are no plain names are refused wherever one is read", "[io]") {
  const ff::test::TemporaryFolder folder;
  for (const std::string& id : kOddIds) {
    INFO("id " << shown(id));
    CHECK_FALSE(is_experiment_id(id));
    write_json(folder / "plan.json", Json::array({experiment_named("fine"), experiment_named(id)}));
    write_json(folder / "results.json", Json::array({result_named("fine"), result_named(id)}));
    for (const std::string& message :
         {refusal([&] { static_cast<void>(read_sweep(folder / "plan.json")); }),
          refusal([&] { static_cast<void>(read_results(folder / "results.json")); })}) {
      INFO(message);
      CHECK_THAT(message, ContainsSubstring("[1].experiment_id: an id is 1 to 128 letters"));
      CHECK_THAT(message, ContainsSubstring("found \""));
      CHECK_THAT(message, Catch::Matchers::EndsWith("Rename the experiment."));
      CHECK(is_plain(message));
      CHECK(message.size() < 400);
    }
  }
  CHECK_THAT(refusal([] { (void)experiment_from_json(experiment_named("a\nb"), "x"); }),
             ContainsSubstring(R"(found "a\nb")"));
  CHECK_THAT(refusal([] { (void)experiment_from_json(experiment_named("\x1b[2J"), "x"); }),
             ContainsSubstring(R"(found "\u001b[2J")"));
}

TEST_CASE("names that people give their runs are ids", "[io]") {
  for (const std::string id : {"exp_0000",
                               "exp_100000",
                               "a",
                               "7",
                               "_tmp",
                               "lr=0.1,seed=3",
                               "me@host-2",
                               "1e18+",
                               "v1.2..3",
                               "-"}) {
    INFO(id);
    CHECK(is_experiment_id(id) == (id != "-"));
  }
  CHECK(is_experiment_id(std::string(128, 'a')));
}

TEST_CASE("a hash that is none is refused where it is read", "[io]") {
  CHECK(is_hash(hash_text(0)));
  CHECK(is_hash(hash_text(UINT64_MAX)));
  for (const std::string hash : {"/../../../victim",
                                 "../../../../etc",
                                 "0123456789abcde",
                                 "0123456789abcdef0",
                                 "0123456789ABCDEF",
                                 "0123456789abcdeg",
                                 "0123456789abcde\n",
                                 "               ."}) {
    INFO(hash);
    CHECK_FALSE(is_hash(hash));
    Json json = result_named("exp_0000");
    json["config_hash"] = hash;
    const std::string message = refusal([&] { (void)result_from_json(json, "result.json"); });
    CHECK_THAT(message, ContainsSubstring("result.json.config_hash: expected a hash"));
    CHECK(is_plain(message));
    CHECK_THROWS_AS(ObjectReader(json, "x").hash("config_hash"), FileError);
  }
  Json json = result_named("exp_0000");
  CHECK(result_from_json(json, "x").config_hash.empty());  // of the Python tool
  for (const Json& none : {Json(nullptr), Json("")}) {
    json["config_hash"] = none;
    CHECK(result_from_json(json, "x").config_hash.empty());
    CHECK_THROWS_AS(ObjectReader(json, "x").hash("config_hash"), FileError);
  }
  json["config_hash"] = hash_text(12);
  CHECK(result_from_json(json, "x").config_hash == "000000000000000c");
}
