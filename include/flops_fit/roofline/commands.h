// SPDX-License-Identifier: MIT
#pragma once
// What each subcommand of ff-roofline does. Each returns its result as text and as JSON; none
// prints.
#include "flops_fit/roofline/config.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace ff::roofline {

/// How the program was called, beside its configuration.
struct Call {
  std::string command;
  std::vector<std::string> operands;
  std::set<std::string> given;  ///< keys set on the command line
  std::vector<std::filesystem::path> search_path;
  /// Variables that hold keys by the word of some configuration file (api.key_env).
  std::vector<std::string> key_variables;
};

struct Report {
  std::string text;             ///< for people
  nlohmann::ordered_json json;  ///< for --json and --output
  std::string file_text;        ///< for --output in place of the JSON: a YAML file
  bool is_file = false;         ///< the text is a file's content: with --output it is not printed
  bool failed = false;          ///< a check that did not pass: exit code 3
};

/// Throws ConfigError (usage), FileError (input), Error.
[[nodiscard]] Report run(const RooflineConfig& config, const Call& call);

}  // namespace ff::roofline
