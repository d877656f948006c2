// SPDX-License-Identifier: MIT
// L(C) = E + k C^-c through the lowest loss of each budget: how low the loss can still fall,
// without a word on N and D. Least squares of ln L. The lowest of a grid of sizes lies above the
// optimum, so that k is a little too large.
#include "small_fit.h"

#include "flops_fit/analysis/fits/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ff::analysis {
namespace {

constexpr size_t kParameters = 3;
enum Index : Eigen::Index { kLogK, kLogE, kLogC };

struct Lowest {
  std::vector<double> log_c, log_loss;
  double middle = 0.0;
};

Lowest lowest_losses(std::span<const Point> points) {
  Lowest lowest;
  for (const std::span<const Point> group : by_budget(points)) {
    double loss = group.front().loss;
    for (const Point& point : group) {
      loss = std::min(loss, point.loss);
    }
    lowest.log_c.push_back(std::log(group.front().budget));
    lowest.log_loss.push_back(std::log(loss));
  }
  for (const double log_c : lowest.log_c) {
    lowest.middle += log_c / static_cast<double>(lowest.log_c.size());
  }
  return lowest;
}

/// theta: ln of k C^-c in the middle of the budgets, ln E, ln c.
SmallProblem problem_of(const Lowest& lowest) {
  const auto exponential = [](double x) { return std::exp(x); };
  SmallProblem problem;
  problem.runs = lowest.log_c.size();
  problem.parameters = {{"k", {}, exponential},
                        {"E", {-20.0, std::log(2.0)}, exponential},
                        {"exponent_c", {-std::log(2.0), std::log(2.0)}, exponential}};
  problem.residual = [&lowest](const Eigen::VectorXd& theta, size_t i) {
    const double x = lowest.log_c[i] - lowest.middle;
    return std::log(std::exp(theta(kLogK) - std::exp(theta(kLogC)) * x) + std::exp(theta(kLogE))) -
           lowest.log_loss[i];
  };
  return problem;
}

void set_law(Fit& fit,
             const Lowest& lowest,
             const SmallProblem& problem,
             const SmallMinimum& best) {
  const double c = std::exp(best.theta(kLogC));
  fit.extra = {{"irreducible", std::exp(best.theta(kLogE))},
               {"loss_coefficient", std::exp(best.theta(kLogK) + c * lowest.middle)},
               {"loss_exponent", -c}};
  double squares = 0;
  for (size_t i = 0; i < problem.runs; ++i) {
    squares += std::pow(std::expm1(problem.residual(best.theta, i)), 2);
  }
  fit.residual_rms = std::sqrt(squares / static_cast<double>(problem.runs));
}

std::string shortage(const Lowest& lowest) {
  constexpr size_t kMostBudgets = 500;  // such a table has no budgets, and would take minutes
  if (lowest.log_c.size() > kMostBudgets) {
    return fmt::format("{} budgets are too many; bin them (input.group_budgets)",
                       lowest.log_c.size());
  }
  return lowest.log_c.size() > kParameters
             ? ""
             : fmt::format("{} budgets; {} parameters need at least {}",
                           lowest.log_c.size(),
                           kParameters,
                           kParameters + 1);
}

}  // namespace

Fit fit_loss_compute(std::span<const Point> points, const FitOptions& options) {
  Fit fit;
  const Lowest lowest = lowest_losses(points);
  fit.num_points = static_cast<int64_t>(lowest.log_c.size());
  fit.status = shortage(lowest);
  if (!fit.status.empty()) {
    return fit;
  }
  const SmallProblem problem = problem_of(lowest);
  const double level = *std::min_element(lowest.log_loss.begin(), lowest.log_loss.end());
  std::vector<Eigen::VectorXd> starts;
  for (const double share : {0.1, 0.3, 0.5, 0.7, 0.9}) {
    for (const double c : {0.03, 0.1, 0.2, 0.4}) {
      starts.push_back(
          Eigen::Vector3d(level + std::log(1.2 - share), level + std::log(share), std::log(c)));
    }
  }
  const SmallFit found =
      fit_small(problem, starts, options.tolerance, [level](const Eigen::VectorXd& theta) {
        return theta(kLogE) - level < std::log(1e-6)
                   ? std::vector<std::string>{"E = 0: the budgets do not determine it"}
                   : std::vector<std::string>{};
      });
  fit.certificate = found.certificate;
  fit.objective = found.certificate.objective;
  fit.status = found.certificate.status();
  if (found.certificate.converged()) {
    set_law(fit, lowest, problem, found.best);
  }
  return fit;
}

Fit refit_loss_compute(std::span<const Point> points, const FitOptions& options, const Fit& start) {
  if (start.extra.empty()) {
    return fit_loss_compute(points, options);
  }
  Fit fit;
  const Lowest lowest = lowest_losses(points);
  fit.status = shortage(lowest);
  if (!fit.status.empty()) {
    return fit;
  }
  const double c = -start.extra[2].second;
  const Eigen::Vector3d from(std::log(start.extra[1].second) - c * lowest.middle,
                             std::log(start.extra[0].second),
                             std::log(c));
  const SmallProblem problem = problem_of(lowest);
  const SmallMinimum best = minimize(problem, from, 1e-8);
  fit.status = best.decrement < 1e-6 ? "ok" : "not converged";
  if (fit.usable()) {
    set_law(fit, lowest, problem, best);
  }
  return fit;
}

}  // namespace ff::analysis
