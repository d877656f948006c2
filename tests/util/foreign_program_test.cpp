// SPDX-License-Identifier: MIT
#include "flops_fit/util/foreign_program.h"

#include "support/catch.h"
#include "support/environment.h"
#include "support/files.h"

#include <chrono>
#include <thread>

using namespace ff;
using Ending = ForeignOutcome::Ending;

TEST_CASE("a foreign program gets its input, and its two outputs are kept apart", "[util]") {
  const ForeignOutcome outcome =
      run_foreign({.command = {"sh", "-c", "cat; echo no >&2; exit 3"}, .input = "yes"});
  CHECK(outcome.ending == Ending::kExited);
  CHECK(outcome.exit_code == 3);
  CHECK(outcome.output == "yes");
  CHECK(outcome.errors == "no\n");
}

TEST_CASE("megabytes go through a foreign program in both directions", "[util]") {
  const std::string input(3'000'000, 'x');
  const ForeignOutcome outcome =
      run_foreign({.command = {"sh", "-c", "tee /dev/stderr"}, .input = input});
  CHECK(outcome.output == input);
  CHECK(outcome.errors == input.substr(0, size_t{1} << 16));
}

TEST_CASE("a foreign program that is missing, slow or talkative is an outcome", "[util]") {
  const ForeignOutcome missing = run_foreign({.command = {"no-such-program"}});
  CHECK(missing.ending == Ending::kNotStarted);
  CHECK(missing.errors == "No such file or directory");
  CHECK(run_foreign({.command = {"sleep", "100"}, .timeout_s = 0.1}).ending == Ending::kTooSlow);
  CHECK(run_foreign({.command = {"yes"}, .most_bytes = 1000}).ending == Ending::kTooMuch);
  CHECK(run_foreign({.command = {"printf", "12345"}, .most_bytes = 5}).output == "12345");
  CHECK(run_foreign({.command = {"sh", "-c", "kill -9 $$"}}).exit_code == 137);
}

TEST_CASE("what a foreign program leaves running is ended with it", "[util]") {
  const ForeignOutcome outcome =
      run_foreign({.command = {"sh", "-c", "sleep 1000 & echo $!"}, .timeout_s = 60});
  CHECK(outcome.exit_code == 0);
  const std::string file = "/proc/" + std::to_string(std::stoi(outcome.output)) + "/stat";
  const auto is_running = [&] {  // not gone, nor dead and not yet collected by its new parent
    std::ifstream stat(file);
    std::string line;
    std::getline(stat, line);
    return !line.empty() && line.find(") Z") == std::string::npos;
  };
  for (int i = 0; i < 100 && is_running(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(!is_running());
}

TEST_CASE("foreign programs see no variable that holds a secret", "[util]") {
  for (const char* name : {"FLOPS_FIT_API_KEY",
                           "HF_TOKEN",
                           "my_secret",
                           "DB_PASSWORD",
                           "apikey",
                           "GITHUB_PAT",
                           "DB_PASS"}) {
    CHECK(names_a_secret(name));
  }
  for (const char* name : {"PATH",
                           "PWD",
                           "OLDPWD",
                           "KEYBOARD",
                           "XDG_SESSION_ID",
                           "MONKEY",
                           "TOKENIZERS_PARALLELISM"}) {
    CHECK(!names_a_secret(name));
  }
  const test::EnvironmentVariable key("FLOPS_FIT_API_KEY", "sk-1");
  const test::EnvironmentVariable plain("FF_TEST_PLAIN", "sk-2");
  const test::EnvironmentVariable own("FF_TEST_TOKEN", "sk-3");
  const auto seen = [](const Environment& environment) {
    return run_foreign({.command = {"env"}, .environment = environment}).output;
  };
  CHECK_THAT(run_foreign({.command = {"env"}}).output, !ContainsSubstring("sk-1"));
  CHECK_THAT(seen(environment_without_secrets()), ContainsSubstring("FF_TEST_PLAIN=sk-2"));
  const std::vector<std::string> secrets = {"FF_TEST_PLAIN"}, wanted = {"FF_TEST_TOKEN"};
  const std::string some = seen(environment_without_secrets(secrets, wanted));
  CHECK_THAT(some, !ContainsSubstring("sk-1"));
  CHECK_THAT(some, !ContainsSubstring("sk-2"));
  CHECK_THAT(some, ContainsSubstring("sk-3"));
  CHECK_THAT(some, ContainsSubstring("PATH="));
}
