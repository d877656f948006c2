// SPDX-License-Identifier: MIT
#pragma once
// Logging for the programs: everything goes to stderr, so that stdout carries only data. After
// init_logging(), use spdlog::info() and friends directly.
namespace ff {

enum class Verbosity { kQuiet, kNormal, kVerbose };

/// Milestones appear as they are, "warning: ", "error: " and "debug: " in front of the others; in
/// colour only on a terminal and without NO_COLOR. kQuiet leaves warnings and errors, kVerbose adds
/// debug messages.
void init_logging(Verbosity verbosity);

}  // namespace ff
