// SPDX-License-Identifier: MIT
#pragma once
// Every estimator, in the order of the tables. A new one is a file in src/analysis/fits and a line
// in registry.cpp.
#include "flops_fit/analysis/fits/fit.h"

#include <span>
#include <string_view>

namespace ff::analysis {

inline constexpr int kNoFallback = 100;

struct EstimatorEntry {
  std::string_view name;
  std::string_view summary;  ///< one line for --help and the report
  /// Fits from scratch. `points` are sorted by budget.
  Fit (*fit)(std::span<const Point> points, const FitOptions& options);
  /// Fits resampled or reduced data, starting from the fit to all of them; it may skip what only
  /// the full fit reports (certificate, warnings).
  Fit (*refit)(std::span<const Point> points, const FitOptions& options, const Fit& start);
  bool stratified;  ///< the bootstrap resamples within budgets
  bool resampled;   ///< bootstrap and validation refit it; else it is only shown for comparison
  /// Order among the headline's fallbacks: a higher one follows a lower one; kNoFallback: it is the
  /// headline only if asked for.
  int fallback;
};

[[nodiscard]] std::span<const EstimatorEntry> estimators();

/// The entry of that name ("empirical" is argmin's other name), or nullptr.
[[nodiscard]] const EstimatorEntry* find_estimator(std::string_view name);

// fits/argmin.cpp: the lowest loss of each budget, then log-log lines. Biased towards the grid and
// the noise; kept for comparison and for the Python tool's numbers.
[[nodiscard]] Fit fit_argmin(std::span<const Point> points, const FitOptions& options);
[[nodiscard]] Fit refit_argmin(std::span<const Point>, const FitOptions&, const Fit&);

// fits/quadratic.cpp: the vertex of each budget's parabola, then log-log lines.
[[nodiscard]] Fit fit_quadratic(std::span<const Point> points, const FitOptions& options);
[[nodiscard]] Fit refit_quadratic(std::span<const Point>, const FitOptions&, const Fit&);

// fits/vp.cpp: least squares of the surface by variable projection.
[[nodiscard]] Fit fit_vp(std::span<const Point> points, const FitOptions& options);
[[nodiscard]] Fit refit_vp(std::span<const Point>, const FitOptions&, const Fit& start);

// fits/huber.cpp, lad.cpp, log_mse.cpp: the surface in logarithms, by three measures of deviation.
[[nodiscard]] Fit fit_huber(std::span<const Point> points, const FitOptions& options);
[[nodiscard]] Fit refit_huber(std::span<const Point>, const FitOptions&, const Fit& start);
[[nodiscard]] Fit fit_lad(std::span<const Point> points, const FitOptions& options);
[[nodiscard]] Fit refit_lad(std::span<const Point>, const FitOptions&, const Fit& start);
[[nodiscard]] Fit fit_log_mse(std::span<const Point> points, const FitOptions& options);
[[nodiscard]] Fit refit_log_mse(std::span<const Point>, const FitOptions&, const Fit& start);

// fits/envelope.cpp: approach 1, the lowest training curve at each compute.
[[nodiscard]] Fit fit_envelope(std::span<const Point> points, const FitOptions& options);
[[nodiscard]] Fit refit_envelope(std::span<const Point>, const FitOptions&, const Fit&);

// fits/data_constrained.cpp: the surface over effective parameters and tokens, for repeated data.
[[nodiscard]] Fit fit_data_constrained(std::span<const Point> points, const FitOptions& options);
[[nodiscard]] Fit refit_data_constrained(std::span<const Point>, const FitOptions&, const Fit&);

// fits/loss_compute.cpp: L = E + k C^-c through the lowest loss of each budget.
[[nodiscard]] Fit fit_loss_compute(std::span<const Point> points, const FitOptions& options);
[[nodiscard]] Fit refit_loss_compute(std::span<const Point>, const FitOptions&, const Fit& start);

// fits/kaplan.cpp: the form of Kaplan et al. 2020, without an irreducible loss.
[[nodiscard]] Fit fit_kaplan(std::span<const Point> points, const FitOptions& options);
[[nodiscard]] Fit refit_kaplan(std::span<const Point>, const FitOptions&, const Fit& start);

}  // namespace ff::analysis
