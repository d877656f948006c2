// SPDX-License-Identifier: MIT
#pragma once

namespace ff::test {

/// Built with a sanitizer that reserves terabytes of addresses for its own use: limits on a
/// process's memory cannot be tested then.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitizer = true;
#else
constexpr bool kSanitizer = false;
#endif

}  // namespace ff::test
