// SPDX-License-Identifier: MIT
// Fitting at the size of the Chinchilla points: 240 runs, on all cores. The targets are 4500 starts
// of huber in 1 s and 4000 bootstrap replicates in 2 s on two cores. scripts/bench_scipy.py does
// the same work with scipy. --benchmark_filter=huber for these two alone.
#include "flops_fit/analysis/bootstrap.h"
#include "flops_fit/analysis/fits/registry.h"

#include <benchmark/benchmark.h>
#include <cmath>
#include <random>

namespace {

using namespace ff::analysis;

/// Twelve budgets of twenty sizes on the Chinchilla surface, 1% of noise.
const std::vector<Point>& runs() {
  static const std::vector<Point> points = [] {
    const Surface surface{1.69, 406.4, 410.7, 0.34, 0.28};
    std::mt19937_64 random(1);
    std::normal_distribution<double> noise(0.0, 0.01);
    std::vector<Point> made;
    for (int b = 0; b < 12; ++b) {
      const double c = 1e18 * std::pow(10, 4.0 * b / 11);
      const double centre = std::exp(surface.log_k_n(6) + surface.exponent_a() * std::log(c));
      for (int i = 0; i < 20; ++i) {
        const double n = centre * std::pow(8, 2.0 * i / 19 - 1);
        const double d = c / 6 / n;
        made.push_back(
            {.budget = c, .n = n, .d = d, .loss = surface(n, d) * std::exp(noise(random))});
      }
    }
    return made;
  }();
  return points;
}

void starts(benchmark::State& state, const char* name) {
  const EstimatorEntry& estimator = *find_estimator(name);
  FitOptions options;
  options.starts = state.range(0);
  int64_t agreeing = 0;
  for (auto _ : state) {
    const Fit fit = estimator.fit(runs(), options);
    agreeing = fit.certificate->starts_agreeing;
  }
  state.counters["agreeing"] = static_cast<double>(agreeing);
}

void replicates(benchmark::State& state, const char* name) {
  const EstimatorEntry& estimator = *find_estimator(name);
  const Fit fit = estimator.fit(runs(), {});
  const std::vector<double> none;
  for (auto _ : state) {
    benchmark::DoNotOptimize(bootstrap(
        estimator, runs(), fit, {}, none, {.replicates = static_cast<int>(state.range(0))}));
  }
}

BENCHMARK_CAPTURE(starts, huber, "huber")->Arg(4500)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(replicates, huber, "huber")
    ->Arg(4000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(starts, log_mse, "log_mse")
    ->Arg(4500)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(starts, lad, "lad")->Arg(4500)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(starts, vp, "vp")->Arg(256)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(replicates, vp, "vp")->Arg(1000)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(replicates, lad, "lad")->Arg(1000)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(replicates, quadratic, "quadratic")
    ->Arg(1000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
