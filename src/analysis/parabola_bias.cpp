// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/parabola_bias.h"

#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/analysis/parabola.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ff::analysis {

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
  std::vector<double> positions;
  for (const Point& point : budget) {
    if (point.loss <= lowest + window_nats) {
      // N over N_opt of the N D that this run spent.
      const double log_n_opt =
          surface.exponent_a() * std::log(point.n * point.d) + surface.log_g();
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
  for (Point& point : exact) {
    point.loss = surface(point.n, point.d);
  }
  const Fit fit = fit_quadratic(exact, plain);
  if (!fit.usable()) {
    return std::nullopt;
  }
  const auto truth = [&](double compute) {
    return std::exp(surface.log_k_n(options.flops_per_nd) +
                    surface.exponent_a() * std::log(compute));
  };
  ParabolaBias bias;
  for (const io::OptimalPoint& optimum : fit.optima) {
    // Of the compute that the runs really spent: budgets may be in another convention.
    bias.budgets.push_back({.budget = optimum.compute_budget,
                            .n_factor = optimum.model_size / truth(optimum.compute_budget)});
  }
  bias.exponent_a = fit.n_law->exponent - surface.exponent_a();
  for (const double target : targets) {
    bias.n_factors.push_back((*fit.n_law)(target) / truth(target));
  }
  return bias;
}

}  // namespace ff::analysis
