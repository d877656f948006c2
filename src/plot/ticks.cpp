// SPDX-License-Identifier: MIT
#include "flops_fit/plot/ticks.h"

#include "flops_fit/plot/markup.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <limits>

namespace ff::plot {
namespace {

constexpr double kLogMargin = 0.05;  // of the range, on each side
constexpr double kLinearMargin = 0.05;
/// What is larger (or, on a logarithmic axis, closer to 0) has no place in a picture, and its
/// ratios and differences would not be finite.
constexpr double kLargest = 1e100;

std::string label_of(double value, Numbers numbers) {
  if (numbers == Numbers::kPowers) {
    return power_text(value);
  }
  if (numbers == Numbers::kCount && std::abs(value) >= 1000.0) {
    // 20.0k -> 20k
    std::string text = format_count(value);
    const char suffix = text.back();
    text.pop_back();
    if (text.find('.') != std::string::npos) {
      text.erase(text.find_last_not_of('0') + 1);
      if (text.back() == '.') {
        text.pop_back();
      }
    }
    return text + suffix;
  }
  return fmt::format("{}{:g}", value < 0 ? "−" : "", std::abs(value));
}

std::vector<Tick> linear_ticks(Range range, Numbers numbers, int max_labels) {
  const double rough = (range.high - range.low) / std::max(2, max_labels);
  const double decade = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10.0 * decade;
  int divisions = 5;
  for (const auto& [factor, parts] :
       std::initializer_list<std::pair<double, int>>{{1.0, 5}, {2.0, 4}, {5.0, 5}}) {
    if (factor * decade >= rough * (1 - 1e-9)) {
      step = factor * decade;
      divisions = parts;
      break;
    }
  }
  const double minor = step / divisions;
  std::vector<Tick> out;
  const auto last = static_cast<int64_t>(std::floor(range.high / minor + 1e-9));
  for (auto i = static_cast<int64_t>(std::ceil(range.low / minor - 1e-9)); i <= last; ++i) {
    // i * minor carries rounding noise that %g would not show but data files would.
    const double value = static_cast<double>(i) * minor;
    const bool major = i % divisions == 0;
    out.push_back(
        {value,
         major ? label_of(std::abs(value) < step * 1e-9 ? 0.0 : value, numbers) : std::string()});
  }
  return out;
}

/// Labels at `mantissas` x 10^(k stride); minors at the other whole multiples.
std::vector<Tick> decade_ticks(Range range,
                               Numbers numbers,
                               std::initializer_list<int> mantissas,
                               int stride) {
  std::vector<Tick> out;
  const int first = static_cast<int>(std::floor(std::log10(range.low)));
  const int last = static_cast<int>(std::ceil(std::log10(range.high)));
  for (int k = first; k <= last; ++k) {
    for (int m = 1; m <= 9; ++m) {
      const double value = m * std::pow(10.0, k);
      if (value < range.low * (1 - 1e-12) || value > range.high * (1 + 1e-12)) {
        continue;
      }
      const bool major =
          k % stride == 0 && std::find(mantissas.begin(), mantissas.end(), m) != mantissas.end();
      if (major) {
        out.push_back({value, label_of(value, numbers)});
      } else if (stride == 1 || m == 1) {
        out.push_back({value, ""});
      }
    }
  }
  return out;
}

int labels_in(const std::vector<Tick>& ticks) {
  return static_cast<int>(
      std::count_if(ticks.begin(), ticks.end(), [](const Tick& t) { return !t.label.empty(); }));
}

}  // namespace

Range range_of(const Panel& panel, bool along_x) {
  const bool log = along_x ? panel.x.log : panel.y.log;
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  const auto take = [&](const std::vector<double>& values) {
    for (const double value : values) {
      if (std::abs(value) <= kLargest && (!log || value >= 1 / kLargest)) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
    }
  };
  for (const Series& series : panel.series) {
    const bool bars_along = (series.shape == Shape::kErrorsX) == along_x;
    take(along_x ? series.x : series.y);
    if (bars_along) {
      take(series.low);
      take(series.high);
    }
  }
  if (!(low <= high)) {
    return log ? Range{0.1, 10.0} : Range{0.0, 1.0};
  }
  if (log) {
    const double factor = high > low ? std::pow(high / low, kLogMargin) : std::sqrt(10.0);
    return {low / factor, high * factor};
  }
  const double margin =
      high > low ? (high - low) * kLinearMargin : std::max(std::abs(high) * 0.1, 1e-3);
  return {low - margin, high + margin};
}

std::vector<Tick> ticks(const Axis& axis, Range range, int max_labels) {
  if (!axis.log) {
    return linear_ticks(range, axis.numbers, max_labels);
  }
  // The densest labelling that fits; a range without two of them is labelled like a linear axis.
  std::vector<std::vector<Tick>> candidates;
  if (axis.numbers != Numbers::kPowers) {
    candidates.push_back(decade_ticks(range, axis.numbers, {1, 2, 3, 4, 5, 6, 8}, 1));
    candidates.push_back(decade_ticks(range, axis.numbers, {1, 2, 3, 5}, 1));
    candidates.push_back(decade_ticks(range, axis.numbers, {1, 2, 5}, 1));
  }
  candidates.push_back(decade_ticks(range, axis.numbers, {1, 3}, 1));
  for (int stride = 1; stride <= 8; ++stride) {
    candidates.push_back(decade_ticks(range, axis.numbers, {1}, stride));
  }
  if (range.high / range.low > 2.0) {
    for (const auto& candidate : candidates) {
      if (labels_in(candidate) <= max_labels && labels_in(candidate) >= 2) {
        return candidate;
      }
    }
  }
  return linear_ticks(range, axis.numbers, max_labels);
}

}  // namespace ff::plot
