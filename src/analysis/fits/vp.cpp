// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/analysis/projection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace ff::analysis {
namespace {

constexpr int kParameters = 5;
constexpr size_t kMinRuns = kParameters + 1;
constexpr int kGrid = 20;  // per exponent, log-spaced over [kGridLow, kGridHigh]
constexpr double kGridLow = 0.05, kGridHigh = 1.5;
constexpr size_t kGridMinima = 4;
constexpr int kMinAgreeing = 3;
// Starts agree if their sums of squares differ by less than this share, or by less than rounding
// can tell in noise-free data.
constexpr double kAgreement = 1e-6, kRounding = 1e-14;
// A term that moves the losses by less than this share of their standard deviation is rounding.
constexpr double kMinRange = 1e-6;
// Of a replicate: far below the spread of the replicates.
constexpr double kRefitTolerance = 1e-11;
constexpr double kPoorCondition = 1e6;

double grid_value(int i) {
  return kGridLow * std::pow(kGridHigh / kGridLow, static_cast<double>(i) / (kGrid - 1));
}

/// The lowest local minima of f on the grid, and a spread of fixed starts: agreement of starts that
/// all come from one valley would prove little.
std::vector<Exponents> choose_starts(const ProjectedSurface& problem) {
  std::vector<double> values;
  for (int i = 0; i < kGrid; ++i) {
    for (int j = 0; j < kGrid; ++j) {
      values.push_back(problem.sum_squares({grid_value(i), grid_value(j)}));
    }
  }
  const auto at = [&](int i, int j) { return values[static_cast<size_t>(i * kGrid + j)]; };
  std::vector<std::pair<double, Exponents>> minima;
  for (int i = 0; i < kGrid; ++i) {
    for (int j = 0; j < kGrid; ++j) {
      bool lowest = true;
      for (int k = std::max(i - 1, 0); k <= std::min(i + 1, kGrid - 1); ++k) {
        for (int l = std::max(j - 1, 0); l <= std::min(j + 1, kGrid - 1); ++l) {
          lowest = lowest && at(i, j) <= at(k, l);
        }
      }
      if (lowest) {
        minima.push_back({at(i, j), {grid_value(i), grid_value(j)}});
      }
    }
  }
  std::sort(minima.begin(), minima.end(), [](const auto& left, const auto& right) {
    return left.first < right.first;
  });
  std::vector<Exponents> starts;
  for (size_t i = 0; i < std::min(minima.size(), kGridMinima); ++i) {
    starts.push_back(minima[i].second);
  }
  for (const double alpha : {0.2, 0.4, 0.8}) {
    for (const double beta : {0.2, 0.4, 0.8}) {
      starts.push_back({alpha, beta});
    }
  }
  return starts;
}

bool interior(double exponent) {
  return exponent > kMinExponent * (1 + 1e-6) && exponent < kMaxExponent * (1 - 1e-6);
}

/// "ok", or why this minimum is no answer.
std::string judge(const ProjectedFit& best) {
  const Surface& s = best.surface;
  if (!best.converged) {
    return "the optimizer did not converge";
  }
  if (!interior(s.alpha) || !interior(s.beta)) {
    return fmt::format("an exponent is at its bound (alpha {:.3g}, beta {:.3g})", s.alpha, s.beta);
  }
  if (!(best.size_range > kMinRange)) {
    return "A is at its bound 0: the losses do not fall with N";
  }
  if (!(best.token_range > kMinRange)) {
    return "B is at its bound 0: the losses do not fall with D";
  }
  return "ok";
}

template <class Member>
size_t count_distinct(std::span<const Point> points, Member member) {
  std::set<double> values;
  for (const Point& point : points) {
    values.insert(point.*member);
  }
  return values.size();
}

/// Why the data cannot carry five parameters; empty if they can.
std::string shortage(std::span<const Point> points) {
  if (points.size() < kMinRuns) {
    return fmt::format("{} runs; five parameters need at least {}", points.size(), kMinRuns);
  }
  const size_t sizes = count_distinct(points, &Point::n),
               tokens = count_distinct(points, &Point::d);
  if (sizes < 3 || tokens < 3) {
    return fmt::format(
        "{} different sizes and {} token counts; each needs at least 3", sizes, tokens);
  }
  return "";
}

/// The laws of the surface, exact power laws in N and D, and the Python tool's straight line in L.
void set_laws(Fit& fit,
              const ProjectedFit& best,
              std::span<const Point> points,
              const FitOptions& options,
              double total_squares) {
  const Surface& s = best.surface;
  const double c = options.flops_per_nd;
  fit.surface = s;
  fit.r_squared =
      total_squares > 0 ? std::optional(1 - best.sum_squares / total_squares) : std::nullopt;
  fit.n_law = LogLine{s.log_k_n(c), s.exponent_a(), fit.r_squared};
  fit.d_law = LogLine{s.log_k_d(c), s.exponent_b(), fit.r_squared};
  std::vector<double> budgets, losses;
  for (const std::span<const Point> group : by_budget(points)) {
    const double budget = group.front().budget;
    budgets.push_back(budget);
    losses.push_back(fit.loss_at(budget, c));
    fit.optima.push_back({.compute_budget = budget,
                          .model_size = (*fit.n_law)(budget),
                          .num_tokens = (*fit.d_law)(budget),
                          .final_loss = losses.back()});
  }
  fit.l_law = fit_power_law(budgets, losses);
  fit.num_points = static_cast<int64_t>(points.size());
  double relative = 0;
  for (const Point& point : points) {
    relative += std::pow((point.loss - s(point.n, point.d)) / point.loss, 2);
  }
  fit.residual_rms = std::sqrt(relative / static_cast<double>(points.size()));
}

}  // namespace

Fit fit_vp(std::span<const Point> points, const FitOptions& options) {
  Fit fit;
  if (const std::string reason = shortage(points); !reason.empty()) {
    fit.status = reason;
    return fit;
  }
  const ProjectedSurface problem(points);
  std::vector<ProjectedFit> found;
  for (const Exponents& start : choose_starts(problem)) {
    found.push_back(problem.minimize(start));
  }
  const ProjectedFit& best = *std::min_element(
      found.begin(), found.end(), [](const ProjectedFit& left, const ProjectedFit& right) {
        return left.sum_squares < right.sum_squares;
      });
  const double near = best.sum_squares * (1 + kAgreement) + kRounding * problem.total_squares();
  const auto agreeing = std::count_if(found.begin(), found.end(), [&](const ProjectedFit& other) {
    return other.converged && other.sum_squares <= near;
  });
  const double condition = problem.condition_number(best.surface);
  fit.certificate = {{"objective", best.sum_squares},
                     {"gradient", best.gradient},
                     {"starts", found.size()},
                     {"starts_agreeing", agreeing},
                     {"condition_number", io::number_or_null(condition)},
                     {"e_at_bound", best.surface.E == 0.0}};
  fit.status = judge(best);
  if (fit.usable() && agreeing < kMinAgreeing) {
    fit.status = fmt::format("only {} of {} starts agree on the optimum", agreeing, found.size());
  }
  if (!fit.usable()) {
    fit.num_points = static_cast<int64_t>(points.size());
    return fit;
  }
  set_laws(fit, best, points, options, problem.total_squares());
  if (best.surface.E == 0.0) {
    fit.warnings.push_back(
        "vp: the irreducible loss E is at its bound 0; the runs do not determine it.");
  }
  if (condition > kPoorCondition) {
    fit.warnings.push_back(fmt::format(
        "vp: the condition number is {:.1e}; the five parameters are barely determined.",
        condition));
  }
  return fit;
}

Fit refit_vp(std::span<const Point> points, const FitOptions& options, const Fit& start) {
  if (!start.surface) {
    return fit_vp(points, options);
  }
  Fit fit;
  fit.status = shortage(points);
  if (!fit.status.empty()) {
    return fit;
  }
  const ProjectedSurface problem(points);
  const ProjectedFit best =
      problem.minimize({start.surface->alpha, start.surface->beta}, kRefitTolerance);
  fit.status = judge(best);
  if (fit.usable()) {
    set_laws(fit, best, points, options, problem.total_squares());
  }
  return fit;
}

}  // namespace ff::analysis
