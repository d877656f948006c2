// SPDX-License-Identifier: MIT
#include "flops_fit/util/units.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>

namespace ff {
namespace {

/// "1.50e+12" -> "1.5e12": no plus sign, no leading zeros, no trailing zeros in the mantissa.
std::string tidy_exponent(std::string text) {
  const auto e = text.find('e');
  if (e == std::string::npos) {
    return text;
  }
  std::string mantissa = text.substr(0, e);
  std::string exponent = text.substr(e + 1);
  if (mantissa.find('.') != std::string::npos) {
    mantissa.erase(mantissa.find_last_not_of('0') + 1);
    if (mantissa.back() == '.') {
      mantissa.pop_back();
    }
  }
  const bool negative = exponent.front() == '-';
  const auto digit = exponent.find_first_not_of("+-0");
  exponent = digit == std::string::npos ? "0" : exponent.substr(digit);
  return mantissa + (negative ? "e-" : "e") + exponent;
}

}  // namespace

std::string format_number(double value) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return tidy_exponent(std::string(buffer.data(), end));
}

std::string format_count(double value) {
  static constexpr std::array<const char*, 6> kSuffixes = {"", "k", "M", "G", "T", "P"};
  size_t suffix = 0;
  // 999.5 would print as 1000 with three digits.
  while (std::abs(value) >= 999.5 && suffix + 1 < kSuffixes.size()) {
    value /= 1000.0;
    ++suffix;
  }
  if (suffix == 0 && value == std::floor(value)) {
    return fmt::format("{:.0f}", value);
  }
  const double magnitude = std::abs(value);
  const int decimals = magnitude < 9.995 ? 2 : magnitude < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}{}", value, decimals, kSuffixes[suffix]);
}

std::string format_bytes(double bytes) {
  constexpr double kMiB = 1024.0 * 1024.0;
  const double mib = bytes / kMiB;
  return mib < 999.5 ? fmt::format("{:.0f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024.0);
}

std::string format_flops(double flops) {
  return tidy_exponent(fmt::format("{:.2e}", flops));
}

std::string format_power_of_two(double value) {
  // Adding 0 turns -0 into 0.
  return fmt::format("2^{:g}", std::round(100.0 * std::log2(value)) / 100.0 + 0.0);
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds)) {
    return "?";
  }
  constexpr double kDay = 86400.0;
  if (seconds >= 1000.0 * kDay) {
    return format_count(seconds / (365.25 * kDay)) + "yr";
  }
  const auto s = static_cast<int64_t>(std::llround(seconds));
  if (s < 60) {
    return seconds < 9.95 ? fmt::format("{:.1f}s", seconds) : fmt::format("{}s", s);
  }
  if (s < 3600) {
    return fmt::format("{}m {:02}s", s / 60, s % 60);
  }
  if (s < 86400) {
    return fmt::format("{}h {:02}m", s / 3600, s % 3600 / 60);
  }
  return fmt::format("{}d {}h", s / 86400, s % 86400 / 3600);
}

std::string utc_timestamp() {
  return fmt::format(
      "{:%Y-%m-%dT%H:%M:%SZ}",
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

}  // namespace ff
