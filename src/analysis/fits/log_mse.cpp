// SPDX-License-Identifier: MIT
// Least squares of the logarithms: sum_i (ln L_i - ln L(N_i, D_i))^2 / 2.
#include "log_fit.h"

#include "flops_fit/analysis/fits/registry.h"

#include <limits>

namespace ff::analysis {
namespace {

LogObjective objective_of() {
  return {
      .deltas = {std::numeric_limits<double>::max()},
      .objective = [](const LogSurface&, const LogMinimum& minimum) { return minimum.objective; }};
}

}  // namespace

Fit fit_log_mse(std::span<const Point> points, const FitOptions& options) {
  return fit_in_logs(points, options, objective_of());
}

Fit refit_log_mse(std::span<const Point> points, const FitOptions& options, const Fit& start) {
  return refit_in_logs(points, options, objective_of(), start);
}

}  // namespace ff::analysis
