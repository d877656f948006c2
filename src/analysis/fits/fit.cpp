// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/fits/fit.h"

#include "flops_fit/analysis/projection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace ff::analysis {
namespace {

/// Non-decreasing optimal sizes; N D of every budget stays what it was.
void make_monotone(std::vector<io::OptimalPoint>& optima, std::span<const double> weights) {
  std::vector<double> log_n;
  for (const io::OptimalPoint& optimum : optima) {
    log_n.push_back(std::log(optimum.model_size));
  }
  const std::vector<double> pooled = monotone(log_n, weights);
  for (size_t i = 0; i < optima.size(); ++i) {
    if (pooled[i] != log_n[i]) {
      const double factor = std::exp(pooled[i] - log_n[i]);
      optima[i].model_size *= factor;
      optima[i].num_tokens /= factor;
    }
  }
}

template <class Member>
size_t count_distinct(std::span<const Point> points, Member member) {
  std::set<double> values;
  for (const Point& point : points) {
    values.insert(point.*member);
  }
  return values.size();
}

}  // namespace

FitOptions fit_options(const FittingConfig& config, double flops_per_nd) {
  return {.flops_per_nd = flops_per_nd,
          .window_nats = config.window_nats,
          .robust = config.robust,
          .enforce_monotonic = config.enforce_monotonic,
          .weight_vertices = config.weight_vertices,
          .bias_surface = std::nullopt,
          .huber_delta = config.huber_delta,
          .starts = config.starts,
          .tolerance = config.tolerance,
          .envelope_bins = config.envelope_bins,
          .published_repeat_base = config.repeat_base == "published"};
}

double Fit::loss_at(double compute, double flops_per_nd) const {
  if (surface) {
    return surface->E + surface->k_l(flops_per_nd) * std::pow(compute, surface->exponent_c());
  }
  return l_law ? (*l_law)(compute) : std::numeric_limits<double>::quiet_NaN();
}

void fit_laws(Fit& fit, std::span<const double> weights, const FitOptions& options) {
  if (options.enforce_monotonic) {
    make_monotone(fit.optima, weights);
  }
  std::vector<double> c, n, d, l;
  for (const io::OptimalPoint& optimum : fit.optima) {
    c.push_back(optimum.compute_budget);
    n.push_back(optimum.model_size);
    d.push_back(optimum.num_tokens);
    l.push_back(optimum.final_loss);
  }
  const LineOptions line{.robust = options.robust};
  fit.n_law = fit_power_law(c, n, weights, line);
  fit.d_law = fit_power_law(c, d, weights, line);
  fit.l_law = fit_power_law(c, l, weights, line);
  fit.num_points = static_cast<int64_t>(fit.optima.size());
  if (!fit.n_law || !fit.d_law || !fit.l_law) {
    fit.n_law = fit.d_law = fit.l_law = std::nullopt;
    fit.status = fmt::format("{} budgets with an optimum; a law needs 2", fit.optima.size());
    return;
  }
  fit.r_squared = fit.n_law->r_squared;
}

std::string surface_shortage(std::span<const Point> points, size_t parameters) {
  if (points.size() <= parameters) {
    return fmt::format(
        "{} runs; {} parameters need at least {}", points.size(), parameters, parameters + 1);
  }
  const size_t sizes = count_distinct(points, &Point::n),
               tokens = count_distinct(points, &Point::d);
  if (sizes < 3 || tokens < 3) {
    return fmt::format(
        "{} different sizes and {} token counts; each needs at least 3", sizes, tokens);
  }
  return "";
}

void set_surface(Fit& fit,
                 const Surface& surface,
                 std::span<const Point> points,
                 const FitOptions& options) {
  fit.surface = surface;
  fit.num_points = static_cast<int64_t>(points.size());
  double mean = 0, squares = 0, relative = 0, total = 0;
  for (const Point& point : points) {
    mean += point.loss / static_cast<double>(points.size());
  }
  for (const Point& point : points) {
    const double residual = point.loss - surface(point.n, point.d);
    squares += residual * residual;
    relative += std::pow(residual / point.loss, 2);
    total += std::pow(point.loss - mean, 2);
  }
  fit.residual_rms = std::sqrt(relative / static_cast<double>(points.size()));
  fit.r_squared = total > 0 ? std::optional(1 - squares / total) : std::nullopt;
  if (!fit.usable()) {
    return;
  }
  const double cost = options.flops_per_nd;
  fit.n_law = LogLine{surface.log_k_n(cost), surface.exponent_a(), fit.r_squared};
  fit.d_law = LogLine{surface.log_k_d(cost), surface.exponent_b(), fit.r_squared};
  std::vector<double> budgets, losses;
  for (const std::span<const Point> group : by_budget(points)) {
    const double budget = group.front().budget;
    budgets.push_back(budget);
    losses.push_back(fit.loss_at(budget, cost));
    fit.optima.push_back({.compute_budget = budget,
                          .model_size = (*fit.n_law)(budget),
                          .num_tokens = (*fit.d_law)(budget),
                          .final_loss = losses.back()});
  }
  fit.l_law = fit_power_law(budgets, losses);
}

std::vector<std::pair<double, double>> exponent_starts(int64_t count) {
  constexpr double kLow = 0.05, kHigh = 1.5;
  const auto side =
      static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(std::max<int64_t>(count, 1)))));
  const auto exponent = [side](int64_t i) {
    const double part = side > 1 ? static_cast<double>(i) / static_cast<double>(side - 1) : 0.5;
    return kLow * std::pow(kHigh / kLow, part);
  };
  std::vector<std::pair<double, double>> starts;
  for (int64_t i = 0; i < side * side && i < count; ++i) {
    // Every (side+1)-th of the grid first, so that a part of it is spread over all of it.
    const int64_t at = side > 1 ? i * (side + 1) % (side * side) : 0;
    starts.emplace_back(exponent(at / side), exponent(at % side));
  }
  return starts;
}

std::vector<std::string> exponent_bounds_hit(const Surface& surface) {
  std::vector<std::string> hit;
  const auto check = [&hit](const char* name, double value, const char* meaning) {
    if (!(value > kMinExponent * (1 + 1e-6))) {
      hit.push_back(
          fmt::format("{} <= {:g}: the losses hardly fall with {}", name, kMinExponent, meaning));
    } else if (!(value < kMaxExponent * (1 - 1e-6))) {
      hit.push_back(
          fmt::format("{} >= {:g}: the losses jump with {}", name, kMaxExponent, meaning));
    }
  };
  check("alpha", surface.alpha, "N");
  check("beta", surface.beta, "D");
  return hit;
}

}  // namespace ff::analysis
