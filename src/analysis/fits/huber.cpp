// SPDX-License-Identifier: MIT
// Approach 3 of Hoffmann et al. 2022: sum_i Huber_delta(ln L_i - ln L(N_i, D_i)).
#include "log_fit.h"

#include "flops_fit/analysis/fits/registry.h"

namespace ff::analysis {
namespace {

LogObjective objective_of(const FitOptions& options) {
  return {
      .deltas = {options.huber_delta},
      .objective = [](const LogSurface&, const LogMinimum& minimum) { return minimum.objective; }};
}

}  // namespace

Fit fit_huber(std::span<const Point> points, const FitOptions& options) {
  return fit_in_logs(points, options, objective_of(options));
}

Fit refit_huber(std::span<const Point> points, const FitOptions& options, const Fit& start) {
  return refit_in_logs(points, options, objective_of(options), start);
}

}  // namespace ff::analysis
