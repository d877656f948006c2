// SPDX-License-Identifier: MIT
// What must hold of any estimator, whatever the data.
#include "analysis/planted.h"
#include "support/catch.h"

#include "flops_fit/analysis/bootstrap.h"

#include <random>

using namespace ff;
using namespace ff::analysis;

namespace {

const char* const kSurfaces[] = {"vp", "huber", "lad", "log_mse"};

std::vector<Point> noisy(unsigned seed = 3, int sizes = 7) {
  return test::points_of(
      test::planted_runs(test::kChinchilla, {.sizes = sizes, .noise = 0.005, .seed = seed}));
}

double width(const char* name, const std::vector<Point>& points) {
  const EstimatorEntry& estimator = *find_estimator(name);
  const std::vector<double> none;
  const Bootstrap result =
      bootstrap(estimator, points, estimator.fit(points, {}), {}, none, {.replicates = 400});
  REQUIRE(result.intervals[kNExponent]);
  return result.intervals[kNExponent]->high - result.intervals[kNExponent]->low;
}

}  // namespace

TEST_CASE("scaling all N moves A and nothing else of the surface", "[analysis][property]") {
  constexpr double kFactor = 3.7;
  const std::vector<Point> points = noisy();
  std::vector<Point> scaled = points;
  for (Point& point : scaled) {
    point.n *= kFactor;
  }
  for (const char* name : kSurfaces) {
    CAPTURE(name);
    const Fit before = find_estimator(name)->fit(points, {});
    const Fit after = find_estimator(name)->fit(scaled, {});
    REQUIRE(before.usable());
    REQUIRE(after.usable());
    const Surface &s = *before.surface, &t = *after.surface;
    CHECK(*after.objective == Approx(*before.objective).epsilon(1e-8));
    CHECK(t.E == Approx(s.E).epsilon(1e-6));
    CHECK(t.B == Approx(s.B).epsilon(1e-5));
    CHECK(t.alpha == Approx(s.alpha).epsilon(1e-6));
    CHECK(t.beta == Approx(s.beta).epsilon(1e-6));
    CHECK(t.A == Approx(s.A * std::pow(kFactor, s.alpha)).epsilon(1e-5));
    CHECK(after.n_law->exponent == Approx(before.n_law->exponent).epsilon(1e-6));
  }
  const Fit before = fit_quadratic(points, {}), after = fit_quadratic(scaled, {});
  CHECK(after.n_law->exponent == Approx(before.n_law->exponent).epsilon(1e-9));
  CHECK((*after.n_law)(1e20) == Approx(kFactor * (*before.n_law)(1e20)).epsilon(1e-9));
}

TEST_CASE("the order of the runs does not matter", "[analysis][property]") {
  std::mt19937 random(1);
  auto runs = test::planted_runs(test::kChinchilla, {.noise = 0.005});
  const auto points = test::points_of(runs);
  std::shuffle(runs.begin(), runs.end(), random);
  const auto shuffled = test::points_of(runs);
  for (const EstimatorEntry& estimator : estimators()) {
    CAPTURE(estimator.name);
    const Fit one = estimator.fit(points, {}), two = estimator.fit(shuffled, {});
    CHECK(one.status == two.status);
    REQUIRE(one.n_law.has_value() == two.n_law.has_value());
    if (one.n_law) {
      CHECK(two.n_law->exponent == one.n_law->exponent);
    }
  }
}

TEST_CASE("doubling the data leaves the optimum and shrinks the bootstrap",
          "[analysis][property]") {
  const std::vector<Point> points = noisy();
  std::vector<Point> twice;
  for (const Point& point : points) {
    twice.insert(twice.end(), 2, point);
  }
  for (const char* name : {"vp", "huber", "lad", "log_mse", "quadratic"}) {
    CAPTURE(name);
    const Fit one = find_estimator(name)->fit(points, {});
    const Fit two = find_estimator(name)->fit(twice, {});
    REQUIRE(one.usable());
    REQUIRE(two.usable());
    CHECK(two.n_law->exponent == Approx(one.n_law->exponent).epsilon(1e-6));
    if (one.objective) {
      CHECK(*two.objective == Approx(2 * *one.objective).epsilon(1e-8));
    }
    // 1/sqrt(2), and the noise of 400 replicates. (Parabolas gain more: with every run twice, fewer
    // resamples lack sizes.)
    const double ratio = width(name, twice) / width(name, points);
    CAPTURE(ratio);
    CHECK(ratio < 0.9);
    CHECK((ratio > 0.5 || name == std::string("quadratic")));
  }
}

TEST_CASE("intervals of the exponent hold the truth in 90 to 98 of 100 sweeps",
          "[analysis][bootstrap]") {
  constexpr int kSweeps = 200;
  const double truth = test::kChinchilla.exponent_a();
  for (const char* name : {"vp", "huber"}) {
    const EstimatorEntry& estimator = *find_estimator(name);
    int covered = 0;
    for (unsigned seed = 0; seed < kSweeps; ++seed) {
      const auto points = noisy(1000 + seed);
      const Fit fit = estimator.fit(points, {.starts = 16});
      REQUIRE(fit.status == "ok");
      const std::vector<double> none;
      const auto result =
          bootstrap(estimator, points, fit, {}, none, {.replicates = 400, .seed = seed});
      const auto interval = result.intervals[kNExponent];
      REQUIRE(interval);
      covered += interval->low <= truth && truth <= interval->high ? 1 : 0;
    }
    CAPTURE(name, covered);
    CHECK(covered >= 180);
    CHECK(covered <= 196);
  }
}
