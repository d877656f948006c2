// SPDX-License-Identifier: MIT
// Least absolute deviations: sum_i |ln L_i - ln L(N_i, D_i)|, as the limit of Huber's objective. At
// its optimum the surface goes through as many runs as it has parameters, so the last delta is far
// below any residual that is not rounding: the objective is then off by about 1e-8 of itself.
#include "log_fit.h"

#include "flops_fit/analysis/fits/registry.h"

namespace ff::analysis {
namespace {

constexpr size_t kDeltas = 7;
constexpr size_t kRefitDeltas = 4;  // 1e-6 of ln L is far below the spread of replicates

LogObjective objective_of(size_t deltas) {
  const std::vector<double> all = {1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9};
  return {.deltas = std::vector<double>(all.begin(), all.begin() + static_cast<long>(deltas)),
          .objective = [](const LogSurface& surface, const LogMinimum& minimum) {
            return surface.sum_absolute_residuals(minimum.theta);
          }};
}

}  // namespace

Fit fit_lad(std::span<const Point> points, const FitOptions& options) {
  return fit_in_logs(points, options, objective_of(kDeltas));
}

Fit refit_lad(std::span<const Point> points, const FitOptions& options, const Fit& start) {
  return refit_in_logs(points, options, objective_of(kRefitDeltas), start);
}

}  // namespace ff::analysis
