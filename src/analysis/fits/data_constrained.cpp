// SPDX-License-Identifier: MIT
// Muennighoff et al. 2023: how much repeated tokens, and parameters beyond what the unique tokens
// are worth, still count (repeated_data.h). Huber's deviation of ln L, as the paper fits it; the
// surface is held at the paper's (fitting.repeat_base=published) or fitted with R_D and R_N.
#include "../statistics.h"
#include "small_fit.h"

#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/analysis/repeated_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace ff::analysis {
namespace {

// With the published surface held, a median deviation above this says that it is of another corpus,
// tokenizer or loss. (The published runs' own median is 7.5%: few of them were seen only once.)
constexpr double kMaxForeignDeviation = 0.15;
constexpr double kLeastRepeat = 1e-3, kMostRepeat = 1e6;

enum Index : Eigen::Index { kLogRd, kLogRn, kLogE, kLogA, kLogB, kLogAlpha, kLogBeta };

/// theta: ln R_D, ln R_N and, if the surface is fitted too, ln E, the logarithms of A/N^alpha and
/// B/D^beta in the middle of the runs, ln alpha and ln beta.
class Model {
 public:
  Model(std::span<const Point> points, bool published) : points_(points), published_(published) {
    for (const Point& point : points) {
      middle_n_ += std::log(point.n) / static_cast<double>(points.size());
      middle_d_ += std::log(point.d) / static_cast<double>(points.size());
    }
  }

  [[nodiscard]] RepeatedData law(const Eigen::VectorXd& theta) const {
    RepeatedData law = published_repeated_data();
    law.r_d = std::exp(theta(kLogRd));
    law.r_n = std::exp(theta(kLogRn));
    if (!published_) {
      const double alpha = std::exp(theta(kLogAlpha)), beta = std::exp(theta(kLogBeta));
      law.surface = {.E = std::exp(theta(kLogE)),
                     .A = std::exp(theta(kLogA) + alpha * middle_n_),
                     .B = std::exp(theta(kLogB) + beta * middle_d_),
                     .alpha = alpha,
                     .beta = beta};
    }
    return law;
  }

  [[nodiscard]] Eigen::VectorXd theta(const RepeatedData& law) const {
    const Surface& s = law.surface;
    Eigen::VectorXd theta(published_ ? 2 : 7);
    theta(kLogRd) = std::log(law.r_d);
    theta(kLogRn) = std::log(law.r_n);
    if (!published_) {
      theta.tail(5) << std::log(s.E), std::log(s.A) - s.alpha * middle_n_,
          std::log(s.B) - s.beta * middle_d_, std::log(s.alpha), std::log(s.beta);
    }
    return theta;
  }

  [[nodiscard]] SmallProblem problem(double delta) const {
    const double ten = std::log(10.0), two = std::log(2.0);
    const auto exponential = [](double x) { return std::exp(x); };
    SmallProblem problem;
    problem.runs = points_.size();
    problem.delta = delta;
    problem.parameters = {{"R_D", {-ten, ten}, exponential}, {"R_N", {-ten, ten}, exponential}};
    if (!published_) {
      problem.parameters.insert(problem.parameters.end(),
                                {{"E", {-20.0, two}, exponential},
                                 {"A", {}, exponential},
                                 {"B", {}, exponential},
                                 {"alpha", {-two, two}, exponential},
                                 {"beta", {-two, two}, exponential}});
    }
    problem.residual = [this](const Eigen::VectorXd& theta, size_t i) {
      const Point& point = points_[i];
      return std::log(law(theta)(point.n, point.d, point.unique_tokens) / point.loss);
    };
    return problem;
  }

 private:
  std::span<const Point> points_;
  bool published_;
  double middle_n_ = 0.0, middle_d_ = 0.0;
};

std::vector<Point> with_unique_tokens(std::span<const Point> points) {
  std::vector<Point> chosen;
  std::copy_if(points.begin(), points.end(), std::back_inserter(chosen), [](const Point& point) {
    return point.unique_tokens > 0;
  });
  return chosen;
}

std::string shortage(std::span<const Point> points, bool published) {
  if (points.empty()) {
    return "no run says how many of its tokens are unique (input.columns.unique_tokens)";
  }
  const auto repeated = std::count_if(points.begin(), points.end(), [](const Point& point) {
    return point.d > 1.5 * point.unique_tokens;
  });
  constexpr int kLeastRepeated = 3;
  if (repeated < kLeastRepeated) {
    return fmt::format("{} runs repeat their tokens; it needs {}", repeated, kLeastRepeated);
  }
  return surface_shortage(points, published ? 2 : 7);
}

double rms(std::span<const Point> points, const RepeatedData& law) {
  double squares = 0;
  for (const Point& point : points) {
    squares += std::pow(law(point.n, point.d, point.unique_tokens) / point.loss - 1, 2);
  }
  return std::sqrt(squares / static_cast<double>(points.size()));
}

double median_deviation(std::span<const Point> points, const RepeatedData& law) {
  std::vector<double> sizes;
  for (const Point& point : points) {
    sizes.push_back(std::abs(law(point.n, point.d, point.unique_tokens) / point.loss - 1));
  }
  return median(sizes);
}

void set_law(Fit& fit,
             const RepeatedData& law,
             std::span<const Point> points,
             const FitOptions& options) {
  set_surface(fit, law.surface, points, options);
  fit.extra = {{"r_d_star", law.r_d}, {"r_n_star", law.r_n}};
  fit.residual_rms = rms(points, law);  // with the repetitions, unlike the surface's own
  fit.r_squared.reset();
}

}  // namespace

Fit fit_data_constrained(std::span<const Point> points, const FitOptions& options) {
  Fit fit;
  const std::vector<Point> used = with_unique_tokens(points);
  fit.num_points = static_cast<int64_t>(used.size());
  fit.status = shortage(used, options.published_repeat_base);
  if (!fit.status.empty()) {
    return fit;
  }
  const Model model(used, options.published_repeat_base);
  std::vector<Eigen::VectorXd> starts;
  RepeatedData start = published_repeated_data();
  if (!options.published_repeat_base) {
    // The surface of the runs as if every token were new: of the right order.
    const Fit plain = fit_log_mse(used, options);
    start.surface = plain.surface.value_or(start.surface);
  }
  for (const double r_d : {1.0, 3.0, 8.0, 20.0, 50.0, 100.0, 200.0, 500.0}) {
    for (const double r_n : {0.3, 1.0, 2.0, 4.0, 8.0, 25.0}) {
      start.r_d = r_d;
      start.r_n = r_n;
      starts.push_back(model.theta(start));
    }
  }
  const SmallFit found = fit_small(
      model.problem(options.huber_delta),
      starts,
      options.tolerance,
      [&](const Eigen::VectorXd& theta) {
        std::vector<std::string> hit;
        const RepeatedData law = model.law(theta);
        for (const auto& [name, value] : {std::pair{"R_D", law.r_d}, std::pair{"R_N", law.r_n}}) {
          if (value < kLeastRepeat || value > kMostRepeat) {
            hit.push_back(fmt::format("{} = {:.2g}", name, value));
          }
        }
        return hit;
      });
  fit.certificate = found.certificate;
  fit.objective = found.certificate.objective;
  fit.status = found.certificate.status();
  const RepeatedData law = model.law(found.best.theta);
  const double off = median_deviation(used, law);
  if (options.published_repeat_base && off > kMaxForeignDeviation) {
    fit.status = fmt::format(
        "the published surface misses these runs by {:.1f}% (median): another corpus, tokenizer or "
        "loss; set fitting.repeat_base=fitted",
        100 * off);
    return fit;
  }
  if (!found.certificate.converged()) {
    return fit;
  }
  set_law(fit, law, used, options);
  return fit;
}

Fit refit_data_constrained(std::span<const Point> points,
                           const FitOptions& options,
                           const Fit& start) {
  if (!start.surface) {
    return fit_data_constrained(points, options);
  }
  Fit fit;
  const std::vector<Point> used = with_unique_tokens(points);
  fit.status = shortage(used, options.published_repeat_base);
  if (!fit.status.empty()) {
    return fit;
  }
  const Model model(used, options.published_repeat_base);
  const SmallMinimum best =
      minimize(model.problem(options.huber_delta),
               model.theta({*start.surface, start.extra[0].second, start.extra[1].second}),
               1e-8);
  fit.status = best.decrement < 1e-6 ? "ok" : "not converged";
  if (fit.usable()) {
    set_law(fit, model.law(best.theta), used, options);
  }
  return fit;
}

}  // namespace ff::analysis
