// SPDX-License-Identifier: MIT
#pragma once
// Exact numbers for counts: rationals of 128-bit integers. A count is never rounded on its way, and
// one that leaves 128 bits is an error, not a wrong number. (Llama 405B on 1e13 tokens is 1e26
// FLOPs; 128 bits hold 1.7e38.)
#include "flops_fit/util/error.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace ff::cost {

using Int128 = __int128;

/// A count that leaves 128 bits, or a division by zero. Whoever knows the formula adds its name.
class CountError : public ConfigError {
 public:
  using ConfigError::ConfigError;
};

/// A rational number in lowest terms, its denominator positive.
class Num {
 public:
  constexpr Num(int64_t whole = 0) : numerator_(whole) {}  // NOLINT: counts are whole numbers
  /// Throws CountError if the denominator is 0.
  [[nodiscard]] static Num ratio(Int128 numerator, Int128 denominator);

  friend Num operator+(const Num& a, const Num& b);
  friend Num operator-(const Num& a, const Num& b);
  friend Num operator*(const Num& a, const Num& b);
  friend Num operator/(const Num& a, const Num& b);
  Num& operator+=(const Num& other) { return *this = *this + other; }
  friend bool operator==(const Num&, const Num&) = default;
  friend bool operator<(const Num& a, const Num& b);

  [[nodiscard]] Num floor() const;
  [[nodiscard]] Num ceil() const;
  [[nodiscard]] bool is_whole() const { return denominator_ == 1; }
  [[nodiscard]] bool is_negative() const { return numerator_ < 0; }
  [[nodiscard]] double to_double() const;
  /// To the nearest whole number, halves up. Throws CountError if that leaves 64 bits.
  [[nodiscard]] int64_t rounded() const;
  /// "12", or "5/8".
  [[nodiscard]] std::string to_string() const;

 private:
  Int128 numerator_ = 0;
  Int128 denominator_ = 1;
};

/// A decimal number ("12", "4.5", "2e3") exactly. Throws CountError: not a number, or too long.
[[nodiscard]] Num parse_num(std::string_view text);

}  // namespace ff::cost
