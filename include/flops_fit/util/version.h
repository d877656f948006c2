// SPDX-License-Identifier: MIT
#pragma once
namespace ff {
/// "0.1.0". Compiled into one file only, so that a new version rebuilds one file.
[[nodiscard]] const char* version();
}  // namespace ff
