// SPDX-License-Identifier: MIT
#pragma once
#include <string>
#include <vector>

namespace ff::roofline {

/// Runs a program (looked up in PATH, no shell) in a process group of its own with `input` on its
/// stdin, and returns its stdout; its stderr is ours. Throws Error: it does not start, exits with
/// anything but 0, takes longer than `timeout_s`, or writes more than 1 MiB; it is then killed, and
/// so is what it started.
[[nodiscard]] std::string run_with_input(const std::vector<std::string>& command,
                                         const std::string& input,
                                         double timeout_s);

}  // namespace ff::roofline
