// SPDX-License-Identifier: MIT
#pragma once
// 64-bit FNV-1a, for identities (configuration, corpus), not for security.
#include <cstdint>
#include <string>
#include <string_view>

namespace ff {

inline constexpr uint64_t kFnvOffset = 0xcbf29ce484222325ULL;

[[nodiscard]] inline uint64_t fnv1a(std::string_view bytes, uint64_t state = kFnvOffset) {
  for (const char c : bytes) {
    state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return state;
}

/// 16 hexadecimal digits.
[[nodiscard]] std::string hash_text(uint64_t hash);

/// Whether it is what hash_text() writes. A hash that is read from a file is checked before it
/// becomes part of a path or of a request.
[[nodiscard]] bool is_hash(std::string_view text);

}  // namespace ff
