// SPDX-License-Identifier: MIT
#include "analysis/planted.h"
#include "support/catch.h"

#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/analysis/parabola.h"

using namespace ff;
using namespace ff::analysis;

namespace {

/// L = 2 + curvature (ln N - ln center)^2 at sizes center * exp(offset), D = budget/6N.
std::vector<Point> curve(double budget,
                         double center,
                         double curvature,
                         const std::vector<double>& offsets) {
  std::vector<Point> points;
  for (const double offset : offsets) {
    const double n = center * std::exp(offset);
    points.push_back({budget, n, budget / 6 / n, 2 + curvature * offset * offset});
  }
  return points;
}

}  // namespace

TEST_CASE("an exact parabola gives its own vertex", "[analysis][quadratic]") {
  const auto points = curve(1e15, 5e5, 0.05, {-1.0, -0.3, 0.4, 1.1});
  const Parabola parabola = fit_parabola(points, 0.5);
  REQUIRE(parabola.status == "ok");
  CHECK(parabola.vertex_n == Approx(5e5).epsilon(1e-9));
  CHECK(parabola.vertex_d == Approx(1e15 / 6 / 5e5).epsilon(1e-9));
  CHECK(parabola.vertex_loss == Approx(2.0));
  CHECK(parabola.c2 == Approx(0.05));
  const double x = std::log(7e5);
  CHECK(parabola.c0 + parabola.c1 * x + parabola.c2 * x * x ==
        Approx(2 + 0.05 * std::pow(std::log(1.4), 2)));
}

TEST_CASE("a budget without a vertex says why", "[analysis][quadratic]") {
  const std::vector<double> offsets = {-1.0, -0.5, 0.0, 0.5, 1.0};
  CHECK_THAT(fit_parabola(curve(1e15, 5e5, -0.05, offsets), 0.5).status,
             ContainsSubstring("no minimum"));
  CHECK_THAT(fit_parabola(curve(1e15, 5e5, 0.05, {0.5, 1.0, 1.5, 2.0}), 0.5).status,
             ContainsSubstring("outside the sizes used"));
  CHECK_THAT(fit_parabola(curve(1e15, 5e5, 0.05, {-1.0, 1.0, 1.0, -1.0}), 0.5).status,
             ContainsSubstring("too few sizes within 0.5 nats of the minimum (2;"));
  CHECK_THAT(fit_parabola(curve(1e15, 5e5, 0.0, offsets), 0.5).status,
             ContainsSubstring("no minimum"));
}

TEST_CASE("the window leaves out what lies far above the minimum", "[analysis][quadratic]") {
  auto points = curve(1e15, 5e5, 0.05, {-1.0, -0.5, 0.0, 0.5, 1.0});
  points.push_back({1e15, 5e7, 3e6, 9.0});
  CHECK(fit_parabola(points, 0.5).vertex_n == Approx(5e5));
  CHECK(fit_parabola(points, 0.5).used == 5);
  CHECK(fit_parabola(points, 100).used == 6);
  CHECK_FALSE(fit_parabola(points, 100).vertex_n == Approx(5e5).epsilon(0.02));
}

TEST_CASE("the vertex's standard error is that of simulated noise", "[analysis][quadratic]") {
  const auto clean = curve(1e15, 5e5, 0.05, {-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5});
  const double sigma = 0.002;
  std::mt19937_64 random(4);
  std::normal_distribution<double> noise(0.0, sigma);
  double squares = 0;
  constexpr int kTrials = 2000;
  for (int trial = 0; trial < kTrials; ++trial) {
    auto noisy = clean;
    for (Point& point : noisy) {
      point.loss += noise(random);
    }
    squares += std::pow(std::log(fit_parabola(noisy, 0.5).vertex_n / 5e5), 2);
  }
  CHECK(std::sqrt(squares / kTrials) ==
        Approx(sigma * fit_parabola(clean, 0.5).unit_stderr).epsilon(0.06));
}

TEST_CASE("seeds of one size count as one size", "[analysis][quadratic]") {
  const auto points = curve(1e15, 5e5, 0.05, {-1.0, -1.0, 0.2, 0.2, 0.9});
  const Parabola parabola = fit_parabola(points, 0.5);
  CHECK(parabola.sizes == 3);
  CHECK(parabola.used == 5);
  CHECK(parabola.vertex_n == Approx(5e5));
}

TEST_CASE("a budget without a vertex is left out of the law, with a warning",
          "[analysis][quadratic]") {
  auto points = curve(1e12, 1e5, 0.05, {-1.0, -0.5, 0.0, 0.5, 1.0});
  for (const auto& [budget, center] : {std::pair{1e14, 1e6}, {1e16, 1e7}}) {
    const auto more = curve(budget, center, 0.05, {-1.0, -0.5, 0.0, 0.5, 1.0});
    points.insert(points.end(), more.begin(), more.end());
  }
  const auto odd = curve(1e18, 1e4, 0.05, {1.0, 2.0, 3.0});
  points.insert(points.end(), odd.begin(), odd.end());
  const Fit fit = fit_quadratic(points, {});
  REQUIRE(fit.usable());
  CHECK(fit.num_points == 3);
  CHECK(fit.n_law->exponent == Approx(0.5).epsilon(1e-9));
  REQUIRE(fit.warnings.size() == 1);
  CHECK_THAT(fit.warnings[0], ContainsSubstring("1e18"));
}

TEST_CASE("a flat budget weighs less than a sharp one", "[analysis][quadratic]") {
  auto points = curve(1e12, 1e5, 0.05, {-1.0, -0.5, 0.5, 1.0});
  for (const auto& [budget, center, curvature] :
       {std::tuple{1e14, 1e6, 0.05}, {1e16, 3e7, 0.0005}}) {
    const auto more = curve(budget, center, curvature, {-1.0, -0.5, 0.5, 1.0});
    points.insert(points.end(), more.begin(), more.end());
  }
  const double weighted = fit_quadratic(points, {}).n_law->exponent;
  const double unweighted = fit_quadratic(points, {.weight_vertices = false}).n_law->exponent;
  CHECK(weighted == Approx(0.5).margin(0.001));
  CHECK(unweighted > 0.6);
}

TEST_CASE("enforce_monotonic pools optima that fall with compute", "[analysis][argmin]") {
  std::vector<Point> points;
  for (const auto& [budget, n] : {std::pair{1e12, 1e5}, {1e13, 4e5}, {1e14, 1e5}, {1e15, 1e6}}) {
    for (const double size : {n / 2, n, 2 * n}) {
      points.push_back({budget, size, budget / 6 / size, size == n ? 3.0 : 3.1});
    }
  }
  const Fit free = fit_argmin(points, {});
  CHECK(free.optima[1].model_size == 4e5);
  const Fit fit = fit_argmin(points, {.enforce_monotonic = true});
  CHECK(fit.optima[0].model_size == 1e5);
  CHECK(fit.optima[1].model_size == Approx(2e5));
  CHECK(fit.optima[2].model_size == Approx(2e5));
  CHECK(6 * fit.optima[2].model_size * fit.optima[2].num_tokens == Approx(1e14));
}
