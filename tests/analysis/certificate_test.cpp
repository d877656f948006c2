// SPDX-License-Identifier: MIT
// Every way in which published fits went wrong gives a status and a sentence, not a number.
#include "flops_fit/analysis/certificate.h"

#include "analysis/planted.h"
#include "support/catch.h"

#include "flops_fit/analysis/analyze.h"
#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/analysis/log_surface.h"
#include "flops_fit/util/error.h"

#include <ceres/ceres.h>

using namespace ff;
using namespace ff::analysis;

namespace {

const char* const kParametric[] = {"vp", "huber", "lad", "log_mse"};

std::vector<Point> noisy_points(int sizes = 12) {
  return test::points_of(
      test::planted_runs(test::kChinchilla, {.sizes = sizes, .noise = 0.005, .seed = 5}));
}

/// Hoffmann's objective as people code it: in ln A, ln B, ln E without centring, by L-BFGS.
class PlainObjective final : public ceres::FirstOrderFunction {
 public:
  PlainObjective(const std::vector<Point>& points, double scale) : points_(points), scale_(scale) {}
  [[nodiscard]] int NumParameters() const override { return 5; }
  bool Evaluate(const double* x, double* cost, double* gradient) const override {
    constexpr double kDelta = 1e-3;
    *cost = 0;
    std::vector<double> slope(5, 0.0);
    for (const Point& point : points_) {
      const double u = std::exp(x[0] - x[3] * std::log(point.n));
      const double v = std::exp(x[1] - x[4] * std::log(point.d));
      const double w = std::exp(x[2]), sum = u + v + w;
      const double r = std::log(sum / point.loss), size = std::min(std::abs(r), kDelta);
      *cost += scale_ * size * (std::abs(r) - 0.5 * size);
      const double rho = std::clamp(r, -kDelta, kDelta) / sum;
      slope[0] += rho * u;
      slope[1] += rho * v;
      slope[2] += rho * w;
      slope[3] -= rho * u * std::log(point.n);
      slope[4] -= rho * v * std::log(point.d);
    }
    if (gradient != nullptr) {
      for (int i = 0; i < 5; ++i) {
        gradient[i] = scale_ * slope[static_cast<size_t>(i)];
      }
    }
    return std::isfinite(*cost);
  }

 private:
  const std::vector<Point>& points_;
  double scale_;
};

/// Where L-BFGS says that it has converged, with the usual absolute gradient tolerance.
Surface usual_fit(const std::vector<Point>& points, double scale, double gradient_tolerance) {
  std::array<double, 5> x = {5.0, 5.0, 0.5, 0.5, 0.5};  // one of the usual starts
  ceres::GradientProblem problem(new PlainObjective(points, scale));
  ceres::GradientProblemSolver::Options options;
  options.logging_type = ceres::SILENT;
  options.max_num_iterations = 10'000;
  options.gradient_tolerance = gradient_tolerance;
  options.function_tolerance = 0;
  ceres::GradientProblemSolver::Summary summary;
  ceres::Solve(options, problem, x.data(), &summary);
  REQUIRE(summary.termination_type == ceres::CONVERGENCE);  // it reports success
  return {
      .E = std::exp(x[2]), .A = std::exp(x[0]), .B = std::exp(x[1]), .alpha = x[3], .beta = x[4]};
}

Certificate examined(const LogMinimum& minimum) {
  return {.objective = minimum.objective,
          .gradient_norm = minimum.gradient_norm,
          .decrement = minimum.decrement,
          .starts = 100,
          .starts_agreeing = 100,
          .bounds_hit = {},
          .condition_number = 1,
          .flat_directions = {}};
}

}  // namespace

TEST_CASE("a good fit is certified", "[analysis][certificate]") {
  for (const char* name : kParametric) {
    CAPTURE(name);
    const Fit fit = find_estimator(name)->fit(noisy_points(), {});
    REQUIRE(fit.status == "ok");
    CHECK(fit.certificate->decrement < kMaxDecrement);
    CHECK(fit.certificate->starts == 256);
    CHECK(fit.certificate->starts_agreeing > 128);
    CHECK(fit.certificate->condition_number < 1e4);
    CHECK(fit.certificate->flat_directions.empty());
  }
}

TEST_CASE("too few starts are not certified", "[analysis][certificate]") {
  for (const char* name : kParametric) {
    CAPTURE(name);
    const Fit fit = find_estimator(name)->fit(noisy_points(), {.starts = 4});
    CHECK_THAT(fit.status, ContainsSubstring("4 starts are too few"));
    CHECK_FALSE(fit.surface);
    CHECK_FALSE(fit.n_law);
  }
}

TEST_CASE("a loose tolerance is not certified", "[analysis][certificate]") {
  for (const char* name : {"huber", "lad", "log_mse"}) {
    CAPTURE(name);
    const Fit fit = find_estimator(name)->fit(noisy_points(), {.tolerance = 0.1});
    CHECK_THAT(fit.status,
               ContainsSubstring("not converged") && ContainsSubstring("fitting.tolerance"));
    CHECK_FALSE(fit.surface);
  }
}

TEST_CASE("what L-BFGS calls converged with usual tolerances is not the optimum, for sum and mean",
          "[analysis][certificate]") {
  const std::vector<Point> points = noisy_points();
  const LogSurface surface(points);
  const double best = *fit_huber(points, {}).objective;
  for (const auto& [scale, tolerance] :
       {std::pair{1.0, 1e-3}, std::pair{1.0 / static_cast<double>(points.size()), 1e-5}}) {
    const Surface usual = usual_fit(points, scale, tolerance);
    const LogMinimum there = surface.examine(surface.theta_of(usual), 1e-3);
    CAPTURE(scale, usual.E, usual.alpha, usual.beta, there.decrement);
    CHECK(there.objective > 1.01 * best);
    CHECK_FALSE(examined(there).converged());
    CHECK_THAT(examined(there).status(), ContainsSubstring("not converged"));
  }
  // The rounded coefficients of a paper are no optimum either.
  Surface rounded = *fit_huber(points, {}).surface;
  rounded.E = std::round(100 * rounded.E) / 100;
  rounded.alpha = std::round(100 * rounded.alpha) / 100;
  rounded.beta = std::round(100 * rounded.beta) / 100;
  CHECK_FALSE(examined(surface.examine(surface.theta_of(rounded), 1e-3)).converged());
}

TEST_CASE("four runs for five parameters, and one budget, give a sentence",
          "[analysis][certificate]") {
  auto points = noisy_points();
  points.resize(4);
  for (const char* name : kParametric) {
    const Fit fit = find_estimator(name)->fit(points, {});
    CHECK_THAT(fit.status, ContainsSubstring("4 runs; 5 parameters need at least 6"));
    CHECK_FALSE(fit.certificate);
  }
  const auto one = test::planted_runs(test::kChinchilla, {.budgets = {1e19}, .sizes = 9});
  CHECK_THROWS_WITH(analyze(one, AnalyzerConfig{}),
                    ContainsSubstring("one compute budget") && ContainsSubstring("at least two"));
}

TEST_CASE("an exponent that the runs leave open is a flat direction", "[analysis][certificate]") {
  // Losses that fall with N by so little that noise hides the exponent.
  const Surface faint{2.0, 1e-3, 410.7, 0.34, 0.28};
  const auto points = test::points_of(
      test::planted_runs(faint, {.budgets = {1e18, 1e19, 1e20}, .sizes = 6, .noise = 0.01}));
  for (const char* name : kParametric) {
    CAPTURE(name);
    const Fit fit = find_estimator(name)->fit(points, {});
    CAPTURE(fit.status);
    CHECK_FALSE(fit.usable());
    CHECK_FALSE(fit.n_law);
  }
  const Certificate flat{.objective = 1,
                         .gradient_norm = 0,
                         .decrement = 0,
                         .starts = 99,
                         .starts_agreeing = 99,
                         .bounds_hit = {},
                         .condition_number = 1,
                         .flat_directions = {{"alpha", 0.3, 0.6, 0.004}}};
  CHECK(flat.converged());  // its numbers may be shown, but
  CHECK(flat.status() ==
        "not identified: alpha from 0.3 to 0.6 changes the objective by only 0.4%");
}

TEST_CASE("a fit without an answer has no numbers in the file", "[analysis][certificate]") {
  AnalyzerConfig config;
  config.bootstrap.replicates = 20;
  config.fitting.starts = 4;
  const io::Json json =
      io::to_json(analyze(test::planted_runs(test::kChinchilla, {.noise = 0.003}), config));
  CHECK(json["provenance"]["headline"] == "quadratic");
  for (const char* name : kParametric) {
    const io::Json& estimator = json["estimators"][name];
    CHECK(estimator["status"].get<std::string>().starts_with("not certified"));
    for (const char* key : {"E", "A", "B", "alpha", "beta", "exponent_a", "coefficient_k"}) {
      CHECK(estimator[key].is_null());
    }
    CHECK(estimator["certificate"]["starts"] == 4);
    CHECK_FALSE(json["predictions"][0]["by_estimator"].contains(name));
  }
}
