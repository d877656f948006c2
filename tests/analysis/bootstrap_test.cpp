// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/bootstrap.h"

#include "analysis/planted.h"
#include "support/catch.h"

using namespace ff;
using namespace ff::analysis;

namespace {

Bootstrap run(const char* name,
              const std::vector<Point>& points,
              const BootstrapConfig& config,
              unsigned threads = 0) {
  const EstimatorEntry& estimator = *find_estimator(name);
  const std::vector<double> targets = {1e23};
  return bootstrap(estimator, points, estimator.fit(points, {}), {}, targets, config, threads);
}

bool same(const Bootstrap& left, const Bootstrap& right) {
  for (size_t q = 0; q < left.intervals.size(); ++q) {
    if (left.intervals[q].has_value() != right.intervals[q].has_value() ||
        (left.intervals[q] && (left.intervals[q]->low != right.intervals[q]->low ||
                               left.intervals[q]->high != right.intervals[q]->high))) {
      return false;
    }
  }
  return left.usable == right.usable;
}

}  // namespace

TEST_CASE("the bootstrap depends on its seed, not on the threads", "[analysis][bootstrap]") {
  const auto points = test::points_of(test::planted_runs(test::kChinchilla, {.noise = 0.005}));
  for (const char* name : {"argmin", "quadratic", "vp"}) {
    INFO(name);
    const Bootstrap one = run(name, points, {.replicates = 60, .seed = 3}, 1);
    CHECK(same(one, run(name, points, {.replicates = 60, .seed = 3}, 3)));
    CHECK_FALSE(same(one, run(name, points, {.replicates = 60, .seed = 4}, 1)));
  }
}

TEST_CASE("intervals hold the planted exponent about as often as they claim",
          "[analysis][bootstrap]") {
  const double truth = test::kChinchilla.exponent_a();
  int covered = 0;
  double width = 0;
  constexpr int kTrials = 40;
  for (unsigned trial = 0; trial < kTrials; ++trial) {
    const auto points = test::points_of(
        test::planted_runs(test::kChinchilla, {.sizes = 7, .noise = 0.003, .seed = trial}));
    const Bootstrap result = run("vp", points, {.replicates = 200, .seed = 1});
    const auto interval = result.intervals[kNExponent];
    REQUIRE(interval);
    covered += interval->low <= truth && truth <= interval->high ? 1 : 0;
    width += interval->high - interval->low;
  }
  CAPTURE(covered, width / kTrials);
  // A percentile interval from 35 runs undercovers somewhat; below 32 of 40 it would be broken, and
  // one that always covers would be far too wide.
  CHECK(covered >= 32);
  CHECK(width / kTrials < 0.03);
}

TEST_CASE("a higher confidence gives a wider interval around the same fit",
          "[analysis][bootstrap]") {
  const auto points = test::points_of(test::planted_runs(test::kChinchilla, {.noise = 0.005}));
  const auto narrow = run("vp", points, {.replicates = 200, .confidence = 0.5});
  const auto wide = run("vp", points, {.replicates = 200, .confidence = 0.95});
  for (const size_t q : {size_t{kNExponent}, size_t{kE}, size_t{kFirstTarget}}) {
    REQUIRE(narrow.intervals[q]);
    REQUIRE(wide.intervals[q]);
    CHECK(wide.intervals[q]->low < narrow.intervals[q]->low);
    CHECK(wide.intervals[q]->high > narrow.intervals[q]->high);
  }
}

TEST_CASE("there are no intervals without replicates or with too few that work",
          "[analysis][bootstrap]") {
  const auto points = test::points_of(test::planted_runs(test::kChinchilla, {.noise = 0.005}));
  CHECK_FALSE(run("vp", points, {.replicates = 0}).intervals[kNExponent]);
  // Two budgets of three sizes: most resamples have fewer than three sizes in one of them.
  const auto few =
      test::points_of(test::planted_runs(test::kChinchilla, {.budgets = {1e18, 1e20}, .sizes = 3}));
  const Bootstrap result = run("quadratic", few, {.replicates = 200});
  CHECK(result.usable < 160);
  CHECK_FALSE(result.intervals[kNExponent]);
}
