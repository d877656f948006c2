// SPDX-License-Identifier: MIT
#pragma once
namespace ff {
/// "0.1.0". Compiled into one file only, so that a new version rebuilds one file.
[[nodiscard]] const char* version();
/// Twelve digits of the commit that was built, with + behind them if files differed from it; empty
/// if it was built outside of git.
[[nodiscard]] const char* git_commit();
}  // namespace ff
