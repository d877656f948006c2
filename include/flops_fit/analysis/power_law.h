// SPDX-License-Identifier: MIT
#pragma once
// Power laws y = k x^a as straight lines in log-log.
#include <cmath>
#include <optional>
#include <span>
#include <vector>

namespace ff::analysis {

/// ln y = log_k + exponent * ln x.
struct LogLine {
  double log_k = 0.0;
  double exponent = 0.0;
  std::optional<double> r_squared;  ///< of ln y; none with two points

  [[nodiscard]] double operator()(double x) const {
    return std::exp(log_k + exponent * std::log(x));
  }
};

struct LineOptions {
  /// Minimise Huber's loss of the residuals in units of their median absolute deviation (tuning
  /// constant 1.345, 95% efficient on normal residuals; Huber 1964) instead of their squares.
  bool robust = false;
};

/// The line through (ln x, ln y), weighted by `weights` (empty: all 1). Empty with fewer than two
/// different x, or with values that have no logarithm.
[[nodiscard]] std::optional<LogLine> fit_power_law(std::span<const double> x,
                                                   std::span<const double> y,
                                                   std::span<const double> weights = {},
                                                   const LineOptions& options = {});

/// The non-decreasing sequence nearest to `values` in weighted least squares: pool adjacent
/// violators (Ayer et al. 1955).
[[nodiscard]] std::vector<double> monotone(std::span<const double> values,
                                           std::span<const double> weights);

}  // namespace ff::analysis
