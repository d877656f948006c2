// SPDX-License-Identifier: MIT
#pragma once
// A child process without a shell.
#include <filesystem>
#include <string>
#include <vector>

namespace ff::plot {

struct ProcessOutcome {
  bool started = false;
  int exit_code = -1;        ///< 128 + signal if a signal ended it
  std::string error_output;  ///< its stderr, or why it did not start
};

/// Runs `command` (looked up in PATH) in `folder`, waits, and collects its stderr. Its stdin and
/// stdout are /dev/null.
[[nodiscard]] ProcessOutcome run_process(const std::vector<std::string>& command,
                                         const std::filesystem::path& folder);

/// Starts `command` and does not wait for it: for viewers, which stay open.
[[nodiscard]] bool start_detached(const std::vector<std::string>& command);

}  // namespace ff::plot
