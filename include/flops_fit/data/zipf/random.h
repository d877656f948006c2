// SPDX-License-Identifier: MIT
#pragma once
// The integer randomness of zipf-stories. Everything here wraps in 64 bits, so the corpus is the
// same on every platform. Reference values: tests/data/zipf_random_test.cpp.
#include <cstdint>

namespace ff::data::zipf {

// 128-bit products; __extension__ because ISO C++ has no such type.
__extension__ using uint128 = unsigned __int128;

/// One splitmix64 step (Steele, Lea, Flood 2014): a bijection of 64 bits with good avalanche.
[[nodiscard]] constexpr uint64_t mix(uint64_t z) {
  z += 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

/// A fixed choice out of n (n > 0) made by a hash: the high word of x * n.
[[nodiscard]] constexpr uint64_t pick(uint64_t x, uint64_t n) {
  return static_cast<uint64_t>((static_cast<uint128>(x) * n) >> 64);
}

/// A bijection of 20 bits that scatters popularity ranks over the names.
[[nodiscard]] constexpr uint32_t permute20(uint32_t value) {
  for (int round = 0; round < 3; ++round) {
    value = (value * 0x9E375U + 0x3C6EFU) & 0xFFFFFU;
    value ^= value >> 11;
  }
  return value;
}

/// The inverse of permute20.
[[nodiscard]] uint32_t unpermute20(uint32_t value);

/// splitmix64 as a stream.
class Rng {
 public:
  explicit constexpr Rng(uint64_t state) : state_(state) {}

  constexpr uint64_t next() {
    const uint64_t result = mix(state_);
    state_ += 0x9E3779B97F4A7C15ULL;
    return result;
  }

  /// Uniform in [0, n), without bias (Lemire 2019, with rejection). n = 1 draws nothing.
  constexpr uint64_t below(uint64_t n) {
    if (n <= 1) {
      return 0;
    }
    uint128 product = static_cast<uint128>(next()) * n;
    if (static_cast<uint64_t>(product) < n) {  // else no rejection is possible: skip the division
      const uint64_t threshold = (0 - n) % n;
      while (static_cast<uint64_t>(product) < threshold) {
        product = static_cast<uint128>(next()) * n;
      }
    }
    return static_cast<uint64_t>(product >> 64);
  }

 private:
  uint64_t state_;
};

}  // namespace ff::data::zipf
