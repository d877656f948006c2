// SPDX-License-Identifier: MIT
// Kaplan et al. 2020, equation 1.5: L = ((N_c/N)^(alpha_N/alpha_D) + D_c/D)^alpha_D, which has no
// irreducible loss. Huber's deviation of ln L, as huber. The bracket is a surface with E = 0, alpha
// = alpha_N/alpha_D and beta = 1, so that it has that surface's optima.
#include "small_fit.h"

#include "flops_fit/analysis/fits/registry.h"

#include <fmt/format.h>

#include <cmath>

namespace ff::analysis {
namespace {

constexpr size_t kParameters = 4;
constexpr size_t kMostRuns = 2000;  // more would take minutes
enum Index : Eigen::Index { kLogNc, kLogDc, kLogRatio, kLogAlphaD };

/// theta: the logarithms of the two terms in the middle of the runs, of alpha_N/alpha_D and of
/// alpha_D.
class Model {
 public:
  explicit Model(std::span<const Point> points) : points_(points) {
    for (const Point& point : points) {
      middle_n_ += std::log(point.n) / static_cast<double>(points.size());
      middle_d_ += std::log(point.d) / static_cast<double>(points.size());
    }
  }

  [[nodiscard]] double log_loss(const Eigen::VectorXd& theta, const Point& point) const {
    const double ratio = std::exp(theta(kLogRatio));
    const double first = theta(kLogNc) - ratio * (std::log(point.n) - middle_n_);
    const double second = theta(kLogDc) - (std::log(point.d) - middle_d_);
    return std::exp(theta(kLogAlphaD)) * std::log(std::exp(first) + std::exp(second));
  }

  [[nodiscard]] SmallProblem problem(double delta) const {
    const double two = std::log(2.0);
    const auto exponential = [](double x) { return std::exp(x); };
    SmallProblem problem;
    problem.runs = points_.size();
    problem.delta = delta;
    problem.parameters = {{"N_c", {}, exponential},
                          {"D_c", {}, exponential},
                          {"alpha_N/alpha_D", {-two, two}, exponential},
                          {"alpha_D", {-two, two}, exponential}};
    problem.residual = [this](const Eigen::VectorXd& theta, size_t i) {
      return log_loss(theta, points_[i]) - std::log(points_[i].loss);
    };
    return problem;
  }

  void set_law(Fit& fit, const Eigen::VectorXd& theta, const FitOptions& options) const {
    const double ratio = std::exp(theta(kLogRatio)), alpha_d = std::exp(theta(kLogAlphaD));
    const double log_nc = theta(kLogNc) / ratio + middle_n_, log_dc = theta(kLogDc) + middle_d_;
    const Surface bracket{.E = 0.0,
                          .A = std::exp(ratio * log_nc),
                          .B = std::exp(log_dc),
                          .alpha = ratio,
                          .beta = 1.0};
    fit.extra = {{"alpha_n", ratio * alpha_d},
                 {"alpha_d", alpha_d},
                 {"n_c", std::exp(log_nc)},
                 {"d_c", std::exp(log_dc)}};
    fit.num_points = static_cast<int64_t>(points_.size());
    double squares = 0;
    for (const Point& point : points_) {
      squares += std::pow(std::exp(log_loss(theta, point)) / point.loss - 1, 2);
    }
    fit.residual_rms = std::sqrt(squares / static_cast<double>(points_.size()));
    if (!fit.usable()) {
      return;
    }
    const double cost = options.flops_per_nd;
    fit.n_law = LogLine{bracket.log_k_n(cost), bracket.exponent_a(), std::nullopt};
    fit.d_law = LogLine{bracket.log_k_d(cost), bracket.exponent_b(), std::nullopt};
    fit.l_law = LogLine{
        alpha_d * std::log(bracket.k_l(cost)), alpha_d * bracket.exponent_c(), std::nullopt};
    for (const std::span<const Point> group : by_budget(points_)) {
      const double budget = group.front().budget;
      fit.optima.push_back({.compute_budget = budget,
                            .model_size = (*fit.n_law)(budget),
                            .num_tokens = (*fit.d_law)(budget),
                            .final_loss = (*fit.l_law)(budget)});
    }
  }

  /// From alpha_N, alpha_D, N_c, D_c, as in Fit::extra.
  [[nodiscard]] Eigen::VectorXd theta(const Fit& fit) const {
    const double ratio = fit.extra[0].second / fit.extra[1].second;
    return Eigen::Vector4d(ratio * (std::log(fit.extra[2].second) - middle_n_),
                           std::log(fit.extra[3].second) - middle_d_,
                           std::log(ratio),
                           std::log(fit.extra[1].second));
  }

 private:
  std::span<const Point> points_;
  double middle_n_ = 0.0, middle_d_ = 0.0;
};

}  // namespace

Fit fit_kaplan(std::span<const Point> points, const FitOptions& options) {
  Fit fit;
  fit.num_points = static_cast<int64_t>(points.size());
  fit.status = surface_shortage(points, kParameters);
  if (points.size() > kMostRuns) {
    fit.status = fmt::format(
        "{} runs; it is fitted, for comparison, to at most {}", points.size(), kMostRuns);
  }
  if (!fit.status.empty()) {
    return fit;
  }
  const Model model(points);
  double level = 0;
  for (const Point& point : points) {
    level += std::log(point.loss) / static_cast<double>(points.size());
  }
  std::vector<Eigen::VectorXd> starts;
  for (const double alpha_d : {0.05, 0.1, 0.2, 0.4}) {
    for (const double ratio : {0.3, 0.7, 1.0, 1.5, 2.5}) {
      const double term = level / alpha_d - std::log(2.0);  // both terms alike, the mean loss
      starts.push_back(Eigen::Vector4d(term, term, std::log(ratio), std::log(alpha_d)));
    }
  }
  const SmallFit found = fit_small(model.problem(options.huber_delta),
                                   starts,
                                   options.tolerance,
                                   [](const Eigen::VectorXd& theta) {
                                     return std::abs(theta(kLogRatio)) > std::log(100.0)
                                                ? std::vector<std::string>{"alpha_N/alpha_D: the "
                                                                           "losses follow one of N "
                                                                           "and D only"}
                                                : std::vector<std::string>{};
                                   });
  fit.certificate = found.certificate;
  fit.objective = found.certificate.objective;
  fit.status = found.certificate.status();
  if (found.certificate.converged()) {
    model.set_law(fit, found.best.theta, options);
  }
  return fit;
}

Fit refit_kaplan(std::span<const Point> points, const FitOptions& options, const Fit& start) {
  if (start.extra.empty()) {
    return fit_kaplan(points, options);
  }
  Fit fit;
  fit.status = surface_shortage(points, kParameters);
  if (!fit.status.empty()) {
    return fit;
  }
  const Model model(points);
  const SmallMinimum best = minimize(model.problem(options.huber_delta), model.theta(start), 1e-8);
  fit.status = best.decrement < 1e-6 ? "ok" : "not converged";
  if (fit.usable()) {
    model.set_law(fit, best.theta, options);
  }
  return fit;
}

}  // namespace ff::analysis
