// SPDX-License-Identifier: MIT
#include "flops_fit/config/scalar.h"

#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace ff::config {
namespace {

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

/// Removes a plus sign and the underscores that stand between two digits; nullopt if an underscore
/// stands elsewhere, or a number starts with a spare zero.
std::optional<std::string> tidy_digits(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
        return std::nullopt;
      }
      continue;
    }
    out += text[i];
  }
  if (!out.empty() && out.front() == '+') {
    out.erase(0, 1);
    if (!out.empty() && out.front() == '-') {
      return std::nullopt;
    }
  }
  const size_t first = !out.empty() && out.front() == '-' ? 1 : 0;
  if (out.size() > first + 1 && out[first] == '0' && is_digit(out[first + 1])) {
    return std::nullopt;
  }
  return out;
}

template <class Number>
std::optional<Number> from_text(const std::string& text) {
  Number value{};
  const char* const last = text.data() + text.size();
  const auto [end, failure] = std::from_chars(text.data(), last, value);
  if (failure != std::errc() || end != last) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

bool is_int_literal(std::string_view text) {
  const auto digits = tidy_digits(text);
  return digits && !digits->empty() &&
         digits->find_first_not_of("0123456789", digits->front() == '-' ? 1 : 0) ==
             std::string::npos &&
         *digits != "-";
}

std::optional<int64_t> parse_int(std::string_view text) {
  const auto digits = tidy_digits(text);
  if (!digits) {
    return std::nullopt;
  }
  if (const auto value = from_text<int64_t>(*digits)) {
    return value;
  }
  if (is_int_literal(text)) {
    return std::nullopt;  // out of range: do not round it through a double
  }
  const auto real = parse_real(text);
  // 2^63 is a double; everything below it fits.
  if (!real || std::floor(*real) != *real || !(std::abs(*real) < 9223372036854775808.0)) {
    return std::nullopt;
  }
  return static_cast<int64_t>(*real);
}

std::optional<double> parse_real(std::string_view text) {
  const std::string word = lower(text);
  const bool negative = !word.empty() && word.front() == '-';
  std::string_view name = word;
  if (!name.empty() && (name.front() == '-' || name.front() == '+')) {
    name.remove_prefix(1);
  }
  if (name == "inf" || name == ".inf") {
    const double infinity = std::numeric_limits<double>::infinity();
    return negative ? -infinity : infinity;
  }
  if (name == "nan" || name == ".nan") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  // from_chars knows more names ("infinity", "nan(...)"): only what starts like a number goes on.
  if (name.empty() || !(is_digit(name.front()) || name.front() == '.')) {
    return std::nullopt;
  }
  const auto digits = tidy_digits(text);
  return digits ? from_text<double>(*digits) : std::nullopt;
}

std::optional<bool> parse_bool(std::string_view text) {
  const std::string word = lower(text);
  if (word == "true" || word == "false") {
    return word == "true";
  }
  return std::nullopt;
}

}  // namespace ff::config
