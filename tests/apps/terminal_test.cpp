// SPDX-License-Identifier: MIT
// What files say must not reach the terminal as escape sequences, through whichever program.
#include "support/catch.h"
#include "support/process.h"

#include <string>
#include <vector>

using ff::test::run;
using ff::test::TemporaryFolder;
using ff::test::write_text;

namespace {

/// The title of the window, red, C1's CSI, and a text turned around.
const std::string kHostile = "exp\\u001b]0;owned\\u0007\\u001b[31m\\u009b31m\\u202e";

void check_harmless(const ff::test::Outcome& outcome) {
  for (const std::string& text : {outcome.out, outcome.err}) {
    INFO(text);
    for (const std::string bad : {"\x1b", "\x07", "\xc2\x9b", "\xe2\x80\xae"}) {
      CHECK_THAT(text, !ContainsSubstring(bad));
    }
  }
}

}  // namespace

TEST_CASE("an id with escape sequences does not reach the terminal", "[apps]") {
  const TemporaryFolder folder;
  const auto results = [&](const std::string& loss) {
    std::string json;
    for (const std::string budget : {"1e15", "1e16", "1e17"}) {
      for (const std::string size : {"1e6", "2e6", "4e6", "8e6", "16e6"}) {
        json += (json.empty() ? "[" : ",") + ("{\"experiment_id\": \"" + kHostile + budget + size) +
                "\", \"compute_budget\": " + budget + ", \"model_size\": " + size +
                ", \"tokens\": 1e8, \"final_loss\": " + loss + ", \"status\": \"completed\"}";
      }
    }
    return json + "]";
  };
  for (const std::string& loss :
       std::vector<std::string>{"3.1", "-3", "\"x" + kHostile + "\"", "null"}) {
    INFO(loss);
    write_text(folder / "outputs/results.json", results(loss));
    const auto analyzed = run("ff-analyze -v", folder.path());
    check_harmless(analyzed);
    if (loss == "-3") {  // whose message names the run
      CHECK_THAT(analyzed.err, ContainsSubstring("\\x1b]0;owned\\x07"));
    }
  }
  check_harmless(
      run("ff-analyze -q \"paths.results=$(printf 'a\\033[31mb\\302\\233c')\"", folder.path()));
  check_harmless(
      run("ff-plan -q \"output_dir=$(printf 'a\\033[31mb\\302\\233c')\"", folder.path()));
}
