// SPDX-License-Identifier: MIT
#include "simd.h"

#include "flops_fit/engine/engine.h"

#include <algorithm>
#include <chrono>

namespace ff::engine {
namespace fused {
namespace {

constexpr int kChains = 12;  ///< independent sums: two units of a latency of up to six cycles

/// Multiply-adds on registers; their sum is handed out so that none can be left out.
FF_INLINE void multiply_add(int64_t rounds, float* out) {
  Floats sums[kChains] = {};
  const Floats factor = splat(0.999F);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) {
      sum = sum * factor + factor;
    }
  }
  Floats total = splat(0.0F);
  for (const auto& sum : sums) {
    total += sum;
  }
  *out = sum_lanes(total);
}

FF_DISPATCH(multiply_add, (int64_t rounds, float* out), multiply_add(rounds, out))

double measure() {
  constexpr int64_t kRounds = 40000;
  constexpr double kFlops = 2.0 * kLanes * kChains * kRounds;
  double best_s = 1e9;
  for (int repeat = 0; repeat < 20; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    volatile float result = 0.0F;
    float sum = 0.0F;
    multiply_add_best(kRounds, &sum);
    result = sum;
    static_cast<void>(result);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    best_s = std::min(best_s, elapsed.count());
  }
  return kFlops / best_s;
}

}  // namespace
}  // namespace fused

double peak_flops_per_s() {
  static const double peak = fused::measure();
  return peak;
}

}  // namespace ff::engine
