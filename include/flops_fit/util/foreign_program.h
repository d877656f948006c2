// SPDX-License-Identifier: MIT
#pragma once
// Programs that are not ours (gnuplot, a viewer, a module analyzer): run without a shell, without the
// variables that hold our keys, and in a process group of their own that ends with us, even where we
// are killed.
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ff {

/// "NAME=value" each.
using Environment = std::vector<std::string>;

/// Whether a variable's name says that it holds a secret: KEY, TOKEN, SECRET, PASSWORD and the like
/// are one of its words ("FLOPS_FIT_API_KEY").
[[nodiscard]] bool names_a_secret(std::string_view variable);

/// Our environment without the variables that hold secrets: those named in `secrets`, and those
/// whose names say so. The ones named in `wanted` stay in any case.
[[nodiscard]] Environment environment_without_secrets(std::span<const std::string> secrets = {},
                                                      std::span<const std::string> wanted = {});

struct ForeignProgram {
  std::vector<std::string> command;  ///< looked up in PATH
  Environment environment = environment_without_secrets();
  std::filesystem::path folder = {};  ///< to run in; empty = ours
  std::string input = {};             ///< its stdin
  bool keeps_stderr = false;          ///< its stderr is ours; else it is collected
  double timeout_s = std::numeric_limits<double>::infinity();
  size_t most_bytes = std::numeric_limits<size_t>::max();  ///< of its stdout
};

struct ForeignOutcome {
  enum class Ending {
    kExited,      ///< or was killed by a signal
    kNotStarted,  ///< `errors` says why
    kTooSlow,     ///< killed, with what it had started
    kTooMuch,     ///< the same
  };
  Ending ending = Ending::kExited;
  int exit_code = -1;  ///< 128 + signal if a signal ended it
  std::string output;  ///< its stdout
  std::string errors;  ///< the beginning of its stderr
};

/// Runs a program to its end, and kills what it leaves running. Whatever ends us ends it, too.
/// Throws ResourceError where there is no descriptor or memory left to talk to it.
[[nodiscard]] ForeignOutcome run_foreign(const ForeignProgram& program);

/// Starts a program and does not wait for it, for viewers, which stay open. Its streams are
/// /dev/null.
[[nodiscard]] bool start_detached(const std::vector<std::string>& command);

}  // namespace ff
