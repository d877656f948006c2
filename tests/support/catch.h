// SPDX-License-Identifier: MIT
#pragma once
// Catch2 2.13 (Debian 12) and 3.7 (Debian 13) have different headers.
#if defined(FF_TEST_WITH_TORCH)
// LibTorch's headers have a CHECK of their own, which ends the process: theirs first, then
// Catch2's.
#include <c10/util/Logging.h>
#undef CHECK
#endif
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
#else
#include <catch2/catch.hpp>
// The name of Catch2 3 for what Catch2 2 calls Contains.
inline auto ContainsSubstring(const std::string& text) {
  return Catch::Matchers::Contains(text);
}
#endif
