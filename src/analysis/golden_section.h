// SPDX-License-Identifier: MIT
#pragma once
// One-dimensional minimisation and root finding, for smooth functions with one of either.
#include <cmath>

namespace ff::analysis {

/// The minimum of a unimodal f in [low, high], to about 1e-9 of the interval.
template <class Function>
[[nodiscard]] double golden_section(Function f, double low, double high) {
  const double ratio = 0.5 * (std::sqrt(5.0) - 1);
  double left = high - ratio * (high - low), right = low + ratio * (high - low);
  double at_left = f(left), at_right = f(right);
  for (int i = 0; i < 60; ++i) {
    if (at_left < at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - ratio * (high - low);
      at_left = f(left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + ratio * (high - low);
      at_right = f(right);
    }
  }
  return 0.5 * (low + high);
}

/// Where f changes its sign in [low, high]; f(low) and f(high) have different signs.
template <class Function>
[[nodiscard]] double bisect(Function f, double low, double high) {
  const bool rising = f(low) < 0;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    ((f(middle) < 0) == rising ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace ff::analysis
