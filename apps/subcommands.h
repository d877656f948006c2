// SPDX-License-Identifier: MIT
#pragma once
// Programs with subcommands, whose keys are flags as well: `ff-roofline analyze config.json
// --seq-len 2048` is `input_tokens=[2048]`, so that a key is declared once however it is written.
#include "flops_fit/config/schema.h"

#include <string>
#include <utility>
#include <vector>

namespace ff::cli {

struct Subcommand {
  std::string name;               ///< "analyze"
  std::string operands;           ///< "CONFIG", for the help
  std::string doc;                ///< one sentence
  std::vector<std::string> keys;  ///< that it reads; others are refused on the command line
};

struct Subcommands {
  std::vector<Subcommand> list;  ///< the first is meant where none is named
  std::vector<std::pair<std::string, std::string>> aliases;  ///< "seq-len" -> "input_tokens"
};

/// A command line, taken apart.
struct SubcommandCall {
  std::string command;
  std::vector<std::string> operands;   ///< files and names, in order
  std::vector<std::string> arguments;  ///< what is left for the options: flags and key=value
};

/// Throws ConfigError: a flag that is neither a key nor an option of all programs (with the
/// nearest), a flag without its value, a key that the command does not read.
[[nodiscard]] SubcommandCall parse_subcommand(const std::vector<std::string>& arguments,
                                              const Subcommands& commands,
                                              const config::Schema& schema);

/// The commands and aliases, for --help.
[[nodiscard]] std::string subcommand_help(const Subcommands& commands);

}  // namespace ff::cli
