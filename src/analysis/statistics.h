// SPDX-License-Identifier: MIT
#pragma once
#include <algorithm>
#include <vector>

namespace ff::analysis {

/// Of at least one value; the mean of the two in the middle where their number is even.
[[nodiscard]] inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

}  // namespace ff::analysis
