// SPDX-License-Identifier: MIT
#include "flops_fit/cost/num.h"

#include <algorithm>

namespace ff::cost {
namespace {

[[noreturn]] void overflow() {
  throw CountError("a count leaves 128 bits");
}

Int128 times(Int128 a, Int128 b) {
  Int128 out = 0;
  if (__builtin_mul_overflow(a, b, &out)) {
    overflow();
  }
  return out;
}

Int128 plus(Int128 a, Int128 b) {
  Int128 out = 0;
  if (__builtin_add_overflow(a, b, &out)) {
    overflow();
  }
  return out;
}

Int128 negated(Int128 a) {
  return times(a, -1);
}

/// Of a and b > 0; positive.
Int128 divisor(Int128 a, Int128 b) {
  while (a != 0) {
    const Int128 rest = b % a;
    b = a;
    a = rest;
  }
  return b < 0 ? negated(b) : b;
}

std::string digits_of(Int128 value) {
  std::string out;
  const bool negative = value < 0;
  do {
    const int digit = static_cast<int>(value % 10);
    out += static_cast<char>('0' + (digit < 0 ? -digit : digit));
    value /= 10;
  } while (value != 0);
  if (negative) {
    out += '-';
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

Num Num::ratio(Int128 numerator, Int128 denominator) {
  if (denominator == 0) {
    throw CountError("division by zero");
  }
  if (denominator < 0) {
    numerator = negated(numerator);
    denominator = negated(denominator);
  }
  const Int128 common = denominator == 1 ? 1 : divisor(numerator, denominator);
  Num out;
  out.numerator_ = numerator / common;
  out.denominator_ = denominator / common;
  return out;
}

Num operator+(const Num& a, const Num& b) {
  if (a.denominator_ == b.denominator_) {
    return Num::ratio(plus(a.numerator_, b.numerator_), a.denominator_);
  }
  return Num::ratio(plus(times(a.numerator_, b.denominator_), times(b.numerator_, a.denominator_)),
                    times(a.denominator_, b.denominator_));
}

Num operator-(const Num& a, const Num& b) {
  return a + b * Num(-1);
}

Num operator*(const Num& a, const Num& b) {
  // Common factors first: the product of two fitting numbers in lowest terms then leaves 128 bits
  // only if the result does.
  const Num left = Num::ratio(a.numerator_, b.denominator_);
  const Num right = Num::ratio(b.numerator_, a.denominator_);
  Num out;
  out.numerator_ = times(left.numerator_, right.numerator_);
  out.denominator_ = times(left.denominator_, right.denominator_);
  return out;
}

Num operator/(const Num& a, const Num& b) {
  return a * Num::ratio(b.denominator_, b.numerator_);
}

bool operator<(const Num& a, const Num& b) {
  return (a - b).is_negative();
}

Num Num::floor() const {
  const Int128 whole = numerator_ / denominator_;
  return ratio(numerator_ % denominator_ < 0 ? whole - 1 : whole, 1);
}

Num Num::ceil() const {
  const Int128 whole = numerator_ / denominator_;
  return ratio(numerator_ % denominator_ > 0 ? whole + 1 : whole, 1);
}

double Num::to_double() const {
  return static_cast<double>(static_cast<long double>(numerator_) /
                             static_cast<long double>(denominator_));
}

int64_t Num::rounded() const {
  const Num whole = (*this + ratio(1, 2)).floor();
  const auto out = static_cast<int64_t>(whole.numerator_);
  if (out != whole.numerator_) {
    throw CountError("a count leaves 64 bits");
  }
  return out;
}

std::string Num::to_string() const {
  return is_whole() ? digits_of(numerator_) : digits_of(numerator_) + "/" + digits_of(denominator_);
}

Num parse_num(std::string_view text) {
  Int128 mantissa = 0;
  int64_t exponent = 0;
  bool any_digit = false;
  size_t i = 0;
  bool fraction = false;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.' && !fraction) {
      fraction = true;
    } else if (text[i] >= '0' && text[i] <= '9') {
      any_digit = true;
      mantissa = plus(times(mantissa, 10), text[i] - '0');
      exponent -= fraction ? 1 : 0;
    } else {
      any_digit = false;
      break;
    }
  }
  if (any_digit && i < text.size()) {
    ++i;
    const bool minus = i < text.size() && text[i] == '-';
    i += i < text.size() && (text[i] == '-' || text[i] == '+') ? 1 : 0;
    int64_t power = 0;
    any_digit = i < text.size();
    for (; i < text.size() && any_digit; ++i) {
      any_digit = text[i] >= '0' && text[i] <= '9';
      power = std::min<int64_t>(power * 10 + (text[i] - '0'), 1000);
    }
    exponent += minus ? -power : power;
  }
  if (!any_digit) {
    throw CountError(fmt::format("\"{}\" is not a number", text));
  }
  Int128 scale = 1;
  for (int64_t power = 0; power < std::abs(exponent); ++power) {
    scale = times(scale, 10);
  }
  return exponent < 0 ? Num::ratio(mantissa, scale) : Num::ratio(times(mantissa, scale), 1);
}

}  // namespace ff::cost
