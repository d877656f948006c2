// SPDX-License-Identifier: MIT
// The residual variance that turns a parabola's geometry into the vertex's standard error is pooled
// over the budgets: one budget leaves 1-4 degrees of freedom, and weights from so few would follow
// chance. (A common factor cancels in the weights, so noise-free data need no special case.)
#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/analysis/parabola.h"
#include "flops_fit/analysis/parabola_bias.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <cmath>

namespace ff::analysis {
namespace {

constexpr int kSizesForWeights = 4;  // three sizes leave nothing to judge the parabola by

/// `always_weight`: also where a parabola has but three sizes, as happens in resampled data.
Fit fit_vertices(std::span<const Point> points, const FitOptions& options, bool always_weight) {
  Fit fit;
  size_t budgets = 0;
  std::string first_reason;
  double first_left_out = 0.0;
  std::vector<double> weights;
  bool weighted = options.weight_vertices;
  double relative_squares = 0;
  int used = 0;
  for (const std::span<const Point> group : by_budget(points)) {
    const Parabola parabola = fit_parabola(group, options.window_nats);
    ++budgets;
    if (parabola.status != "ok") {
      if (first_reason.empty()) {
        first_reason = parabola.status;
        first_left_out = group.front().budget;
      }
      continue;
    }
    const VertexCorrection correction =
        options.bias_surface ? vertex_correction(*options.bias_surface, group, options.window_nats)
                             : VertexCorrection{};
    fit.optima.push_back({.compute_budget = group.front().budget,
                          .model_size = parabola.vertex_n * correction.n,
                          .num_tokens = parabola.vertex_d * correction.d,
                          .final_loss = parabola.vertex_loss});
    weighted = weighted && (always_weight || parabola.sizes >= kSizesForWeights);
    weights.push_back(1 / (parabola.unit_stderr * parabola.unit_stderr));
    relative_squares += parabola.sum_squares / (parabola.mean_loss * parabola.mean_loss);
    used += parabola.used;
  }
  if (!weighted) {
    weights.clear();
  }
  fit_laws(fit, weights, options);
  if (fit.optima.size() >= 2 && fit.optima.size() < budgets) {
    fit.warnings.push_back(
        fmt::format("quadratic leaves out {} of {} budgets; the first, {} FLOP: {}.",
                    budgets - fit.optima.size(),
                    budgets,
                    format_flops(first_left_out),
                    first_reason));
  }
  if (fit.optima.size() < 2) {
    fit.status =
        fmt::format("{} of {} budgets have an optimum within their sizes; a law needs 2{}{}",
                    fit.optima.size(),
                    budgets,
                    first_reason.empty() ? "" : "; the first: ",
                    first_reason);
  }
  if (used > 0) {
    fit.residual_rms = std::sqrt(relative_squares / used);
  }
  fit.weighted = weighted;
  return fit;
}

}  // namespace

Fit fit_quadratic(std::span<const Point> points, const FitOptions& options) {
  return fit_vertices(points, options, false);
}

Fit refit_quadratic(std::span<const Point> points, const FitOptions& options, const Fit& start) {
  // Weighted exactly if the full fit is: a replicate is the same estimator on other data.
  FitOptions same = options;
  same.weight_vertices = start.weighted;
  return fit_vertices(points, same, same.weight_vertices);
}

}  // namespace ff::analysis
