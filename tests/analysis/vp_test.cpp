// SPDX-License-Identifier: MIT
#include "analysis/planted.h"
#include "support/catch.h"

#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/analysis/projection.h"

using namespace ff;
using namespace ff::analysis;

TEST_CASE("vp recovers a noise-free surface to 1e-6", "[analysis][vp]") {
  const Surface truth = test::kChinchilla;
  const Fit fit = fit_vp(test::points_of(test::planted_runs(truth)), {});
  REQUIRE(fit.status == "ok");
  test::check_surface(*fit.surface, truth, 1e-6);
  // D_opt(1e24) of this surface, from fitting theory in closed form.
  CHECK((*fit.d_law)(1e24) == Approx(4.035834749563681e12).epsilon(1e-6));
  CHECK((*fit.n_law)(1e24) * (*fit.d_law)(1e24) * 6 == Approx(1e24).epsilon(1e-9));
  CHECK(fit.certificate->starts_agreeing >= 200);
}

TEST_CASE("vp recovers a small-scale surface and one with E = 0", "[analysis][vp]") {
  test::Design design;
  design.budgets = {1e12, 3e12, 1e13, 3e13, 1e14};
  const Surface small{0.48, 180.0, 95.0, 0.57, 0.41};
  const Fit fit = fit_vp(test::points_of(test::planted_runs(small, design)), {});
  REQUIRE(fit.status == "ok");
  CHECK(fit.surface->alpha == Approx(small.alpha).epsilon(1e-5));
  CHECK(fit.surface->beta == Approx(small.beta).epsilon(1e-5));

  // Losses that bend below every E >= 0: E ends at its bound, and the fit says so.
  const Surface negative{-0.05, 180.0, 95.0, 0.3, 0.3};
  const Fit bound = fit_vp(test::points_of(test::planted_runs(negative, design)), {});
  CHECK_THAT(bound.status, ContainsSubstring("at a bound: E = 0"));
  CHECK(bound.surface->E == 0.0);  // shown, but no law rests on it
  CHECK_FALSE(bound.n_law);
  CHECK(bound.certificate->bounds_hit.size() == 1);
}

TEST_CASE("the surface's optimum lies where the loss is lowest at that compute", "[analysis][vp]") {
  const Surface surface = test::kChinchilla;
  for (const double cost : {6.0, 7.5}) {
    const double compute = 3e20;
    const double n = std::exp(surface.log_k_n(cost) + surface.exponent_a() * std::log(compute));
    const double d = std::exp(surface.log_k_d(cost) + surface.exponent_b() * std::log(compute));
    CHECK(cost * n * d == Approx(compute));
    const double best = surface(n, d);
    CHECK(best == Approx(surface.E + surface.k_l(cost) * std::pow(compute, surface.exponent_c())));
    CHECK(surface(n * 1.01, d / 1.01) > best);
    CHECK(surface(n / 1.01, d * 1.01) > best);
  }
}

TEST_CASE("vp has no answer where the losses do not determine the surface", "[analysis][vp]") {
  auto points = test::points_of(test::planted_runs(test::kChinchilla));
  SECTION("too few runs") {
    points.resize(5);
    CHECK_THAT(fit_vp(points, {}).status, ContainsSubstring("5 runs"));
  }
  SECTION("two sizes only") {
    for (size_t i = 0; i < points.size(); ++i) {
      points[i].n = i % 2 == 0 ? 1e8 : 2e8;
    }
    CHECK_THAT(fit_vp(points, {}).status, ContainsSubstring("2 different sizes"));
  }
  SECTION("losses that do not depend on N") {
    for (Point& point : points) {
      point.loss = 2 + 500 * std::pow(point.d, -0.3);
    }
    const Fit fit = fit_vp(points, {});
    CHECK_THAT(fit.status, ContainsSubstring("do not fall with N"));
    CHECK_FALSE(fit.n_law);
  }
  SECTION("losses that rise with size and with tokens") {
    for (Point& point : points) {
      point.loss = 1 + 0.01 * std::log(point.n) + 0.02 * std::log(point.d);
    }
    CHECK(fit_vp(points, {}).status != "ok");
  }
}

TEST_CASE("vp ends at a minimum of the projected sum of squares", "[analysis][vp]") {
  test::Design design;
  design.noise = 0.01;
  const auto points = test::points_of(test::planted_runs(test::kChinchilla, design));
  const ProjectedSurface problem(points);
  const ProjectedFit best = problem.minimize({0.4, 0.4});
  REQUIRE(best.converged);
  CHECK(best.gradient < 1e-8);
  for (const double step : {-1e-3, 1e-3}) {
    CHECK(problem.sum_squares({best.surface.alpha + step, best.surface.beta}) > best.sum_squares);
    CHECK(problem.sum_squares({best.surface.alpha, best.surface.beta + step}) > best.sum_squares);
  }
}
