// SPDX-License-Identifier: MIT
#pragma once
// ff-roofline, run as a user runs it.
#include "support/catch.h"
#include "support/process.h"

#include "flops_fit/io/json.h"

#include <algorithm>
#include <string>

namespace ff::test {

/// The golden configurations and expected numbers.
inline std::string golden(const std::string& name) {
  return (source_dir() / "tests/golden/roofline" / name).string();
}
/// A configuration, for a command line.
inline std::string golden_config(const std::string& name) {
  return shell_quoted(golden("configs/" + name + ".json"));
}

/// What the program prints with --json.
inline io::Json json_of(const std::string& arguments, const std::filesystem::path& folder) {
  const Outcome outcome = run("ff-roofline " + arguments + " --json", folder);
  INFO("ff-roofline " << arguments << "\n" << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return io::parse_json(outcome.out);
}

/// Refused with this code, in one line that has this text in it.
inline void check_refused(const std::string& arguments,
                          const std::filesystem::path& folder,
                          int exit_code,
                          const std::string& expected) {
  const Outcome outcome = run("ff-roofline " + arguments, folder);
  INFO("ff-roofline " << arguments << "\n" << outcome.err);
  CHECK(outcome.exit_code == exit_code);
  CHECK_THAT(outcome.err, ContainsSubstring(expected));
  CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  CHECK(outcome.out.empty());
}

}  // namespace ff::test
