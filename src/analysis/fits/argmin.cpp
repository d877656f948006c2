// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/fits/registry.h"

#include <algorithm>
#include <cmath>

namespace ff::analysis {

Fit fit_argmin(std::span<const Point> points, const FitOptions& options) {
  Fit fit;
  for (const std::span<const Point> group : by_budget(points)) {
    const Point& best =
        *std::min_element(group.begin(), group.end(), [](const Point& left, const Point& right) {
          return left.loss < right.loss;
        });
    fit.optima.push_back({.compute_budget = best.budget,
                          .model_size = best.n,
                          .num_tokens = best.d,
                          .final_loss = best.loss});
  }
  fit_laws(fit, {}, options);
  return fit;
}

Fit refit_argmin(std::span<const Point> points, const FitOptions& options, const Fit&) {
  return fit_argmin(points, options);
}

}  // namespace ff::analysis
