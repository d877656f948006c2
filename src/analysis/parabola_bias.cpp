// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/parabola_bias.h"

#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/analysis/parabola.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ff::analysis {
namespace {

/// ln of N D, which all runs of a budget spend (their exact costs may differ a little).
double log_nd(std::span<const Point> budget) {
  double mean = 0;
  for (const Point& point : budget) {
    mean += std::log(point.n * point.d) / static_cast<double>(budget.size());
  }
  return mean;
}

}  // namespace

std::optional<double> vertex_shift(double alpha, double beta, std::span<const double> positions) {
  // The parabola's arithmetic stands once, in fit_parabola.
  std::vector<Point> runs;
  for (const double w : positions) {
    const double loss = beta / alpha * std::pow(10, -alpha * w) + std::pow(10, beta * w);
    runs.push_back({.budget = 1, .n = std::pow(10, w), .d = std::pow(10, -w), .loss = loss});
  }
  const Parabola parabola = fit_parabola(runs, std::numeric_limits<double>::infinity());
  if (!parabola.fitted || !(parabola.c2 > 0)) {
    return std::nullopt;
  }
  return std::log10(parabola.vertex_n);
}

VertexCorrection vertex_correction(const Surface& surface,
                                   std::span<const Point> budget,
                                   double window_nats) {
  double lowest = std::numeric_limits<double>::infinity();
  for (const Point& point : budget) {
    lowest = std::min(lowest, point.loss);
  }
  const double log_n_opt = surface.exponent_a() * log_nd(budget) + surface.log_g();
  std::vector<double> positions;
  for (const Point& point : budget) {
    if (point.loss <= lowest + window_nats) {
      positions.push_back((std::log(point.n) - log_n_opt) / std::log(10.0));
    }
  }
  const std::optional<double> shift = vertex_shift(surface.alpha, surface.beta, positions);
  const double factor = std::pow(10, shift.value_or(0.0));
  return {.n = 1 / factor, .d = factor};
}

std::optional<ParabolaBias> parabola_bias(const Surface& surface,
                                          std::span<const Point> points,
                                          const FitOptions& options,
                                          std::span<const double> targets) {
  FitOptions plain = options;
  plain.bias_surface.reset();
  plain.enforce_monotonic = false;
  std::vector<Point> exact(points.begin(), points.end());
  std::vector<double> log_truths;  // ln N_opt of each budget
  for (const std::span<const Point> group : by_budget(points)) {
    const double nd = std::exp(log_nd(group));
    log_truths.push_back(surface.exponent_a() * std::log(nd) + surface.log_g());
    for (const Point& point : group) {
      Point& made = exact[static_cast<size_t>(&point - points.data())];
      made.d = nd / made.n;
      made.loss = surface(made.n, made.d);
    }
  }
  const Fit fit = fit_quadratic(exact, plain);
  if (!fit.usable()) {
    return std::nullopt;
  }
  ParabolaBias bias;
  const std::vector<std::span<const Point>> groups = by_budget(points);
  std::vector<double> budgets, sizes;
  for (const io::OptimalPoint& optimum : fit.optima) {
    for (size_t b = 0; b < groups.size(); ++b) {
      if (groups[b].front().budget == optimum.compute_budget) {
        budgets.push_back(optimum.compute_budget);
        sizes.push_back(std::exp(log_truths[b]));
        bias.budgets.push_back(
            {.budget = optimum.compute_budget, .n_factor = optimum.model_size / sizes.back()});
      }
    }
  }
  // The line through the same budgets' true optima: what quadratic would be without its parabolas.
  const std::optional<LogLine> truth = fit_power_law(budgets, sizes);
  if (!truth) {
    return std::nullopt;
  }
  bias.exponent_a = fit.n_law->exponent - truth->exponent;
  for (const double target : targets) {
    bias.n_factors.push_back((*fit.n_law)(target) / (*truth)(target));
  }
  return bias;
}

}  // namespace ff::analysis
