// SPDX-License-Identifier: MIT
// delta = infinity is least squares, as log_surface.h offers it, and what overflows says so.
#include "log_surface_sums.h"
#include "support/catch.h"

#include "flops_fit/analysis/log_surface.h"

#include <cmath>
#include <limits>

namespace {

using namespace ff::analysis;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Runs of a surface, off it by at most 0.01; every tenth lies on it.
LogRuns runs_near(const std::array<double, kSurfaceParameters>& t) {
  LogRuns runs;
  for (int i = 0; i < 37; ++i) {
    runs.x.push_back(-1.5 + 0.083 * i);
    runs.y.push_back(1.5 * std::sin(1.0 * i));
    const double loss = std::exp(t[0] - t[3] * runs.x.back()) +
                        std::exp(t[1] - t[4] * runs.y.back()) + std::exp(t[2]);
    runs.log_loss.push_back(std::log(loss) + (i % 10 == 0 ? 0.0 : 0.01 * std::cos(3.0 * i)));
  }
  return runs;
}

}  // namespace

TEST_CASE("an infinite delta gives least squares", "[analysis]") {
  const std::array<double, kSurfaceParameters> theta = {0.1, -0.2, 0.5, 0.34, 0.28};
  const LogRuns runs = runs_near(theta);
  SurfaceScratch scratch(runs.x.size());
  double squares = 0.0;
  for (size_t i = 0; i < runs.x.size(); ++i) {
    const double loss = std::exp(theta[0] - theta[3] * runs.x[i]) +
                        std::exp(theta[1] - theta[4] * runs.y[i]) + std::exp(theta[2]);
    const double r = std::log(loss) - runs.log_loss[i];
    squares += 0.5 * r * r;
  }
  const SurfaceSums sums = surface_sums(runs, theta, kInfinity, scratch);
  CHECK(sums.value == Approx(squares).epsilon(1e-10));
  CHECK(surface_value(runs, theta, kInfinity, scratch) == Approx(squares).epsilon(1e-10));
  const SurfaceSums large = surface_sums(runs, theta, 1e6, scratch);
  CHECK(sums.gradient == large.gradient);
  CHECK(sums.hessian == large.hessian);
  CHECK(sums.reweighted == large.reweighted);
}

TEST_CASE("a surface that overflows has no finite value", "[analysis]") {
  const LogRuns runs = runs_near({0.1, -0.2, 0.5, 0.34, 0.28});
  SurfaceScratch scratch(runs.x.size());
  for (const double delta : {1e-3, 1.0, kInfinity}) {
    const std::array<double, kSurfaceParameters> theta = {800.0, -0.2, 0.5, 0.34, 0.28};
    CHECK_FALSE(std::isfinite(surface_value(runs, theta, delta, scratch)));
    CHECK_FALSE(std::isfinite(surface_sums(runs, theta, delta, scratch).value));
  }
}

TEST_CASE("minimising with an infinite delta finds the surface", "[analysis]") {
  std::vector<Point> points;
  for (const double n : {1e6, 3e6, 1e7, 3e7, 1e8}) {
    for (const double d : {1e8, 3e8, 1e9, 3e9}) {
      points.push_back(
          {.n = n, .d = d, .loss = 1.7 + 400.0 / std::pow(n, 0.34) + 410.0 / std::pow(d, 0.28)});
    }
  }
  const LogSurface surface(points);
  const LogMinimum found =
      surface.minimize(surface.start(0.4, 0.3), {.delta = kInfinity, .tolerance = 1e-14});
  CHECK(surface.surface(found.theta).alpha == Approx(0.34).epsilon(1e-4));
  CHECK(surface.surface(found.theta).beta == Approx(0.28).epsilon(1e-4));
}
