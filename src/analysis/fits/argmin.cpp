// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/fits/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ff::analysis {

Fit fit_argmin(std::span<const Point> points, const FitOptions& options) {
  Fit fit;
  size_t budgets = 0, at_edge = 0;
  for (const std::span<const Point> group : by_budget(points)) {
    const Point& best =
        *std::min_element(group.begin(), group.end(), [](const Point& left, const Point& right) {
          return left.loss < right.loss;
        });
    ++budgets;
    at_edge += best.n == group.front().n || best.n == group.back().n ? 1 : 0;
    fit.optima.push_back({.compute_budget = best.budget,
                          .model_size = best.n,
                          .num_tokens = best.d,
                          .final_loss = best.loss});
  }
  if (at_edge == budgets) {
    fit.optima.clear();
    fit.status = fmt::format(
        "the lowest loss of every budget ({}) is at the edge of its sizes: the optimum lies "
        "beyond; "
        "train smaller and larger sizes",
        budgets);
    return fit;
  }
  fit_laws(fit, {}, options);
  return fit;
}

Fit refit_argmin(std::span<const Point> points, const FitOptions& options, const Fit&) {
  return fit_argmin(points, options);
}

}  // namespace ff::analysis
