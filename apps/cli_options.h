// SPDX-License-Identifier: MIT
#pragma once
// Private to cli.cpp: the command line as a value.
#include "cli.h"

#include <optional>

namespace ff::cli {

struct Options {
  std::optional<std::string> help;  ///< the group asked for, or empty
  bool version = false;
  bool list_presets = false;
  bool list_keys = false;
  bool print_defaults = false;
  bool pipeline = false;
  bool multirun = false;
  bool quiet = false;
  bool verbose = false;
  bool json = false;
  bool dry_run = false;
  std::string config_name;
  std::string config_path;
  std::string config_dir;
  std::string show_config;       ///< the argument of --cfg
  std::string shell_completion;  ///< the argument of --shell-completion
  std::vector<std::string> overrides;
  std::map<std::string, std::string> extra;
  std::string command;                ///< of a program with subcommands
  std::vector<std::string> operands;  ///< its files and names
};

/// Throws ConfigError: unknown flag, missing value.
[[nodiscard]] Options parse_options(int argc,
                                    char** argv,
                                    const Program& program,
                                    const config::Schema& schema);

/// Whether a flag that all programs have takes a value; none if there is no such flag.
[[nodiscard]] std::optional<bool> common_flag(const std::string& argument);
[[nodiscard]] std::vector<std::string> common_flag_names();

/// "  head    doc", wrapped, for --help.
[[nodiscard]] std::string help_row(const std::string& head, const std::string& doc);

/// One sentence, usage, examples, options, the tree of keys, files, exit codes; with a group, only
/// that part of the tree.
[[nodiscard]] std::string help_text(const Program& program,
                                    const config::Schema& schema,
                                    const std::string& group);

/// A shell script that completes keys and flags, for `eval "$(ff-plan --shell-completion bash)"`.
[[nodiscard]] std::string completion_script(const Program& program, const std::string& shell);

/// The flags of the program in long form, hidden ones left out.
[[nodiscard]] std::vector<std::string> flag_names(const Program& program);

}  // namespace ff::cli
