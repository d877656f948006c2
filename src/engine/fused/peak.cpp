// SPDX-License-Identifier: MIT
#include "simd.h"

#include <algorithm>
#include <chrono>

namespace ff::engine {
namespace fused {
namespace {

constexpr int kChains = 12;  ///< independent sums: two units of a latency of up to six cycles

/// Multiply-adds on registers; their sum is handed out so that none can be left out. Returns their
/// FLOPs.
template <int kLanes>
FF_INLINE void multiply_adds(int64_t rounds, float* out, double* flops) {
  using V = Floats<kLanes>;
  V sums[kChains];
  for (int i = 0; i < kChains; ++i) {
    sums[i] = splat<V>(0.1F * static_cast<float>(i));  // equal chains would be taken as one
  }
  const V factor = splat<V>(0.999F);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (V& sum : sums) {
      sum = sum * factor + factor;
    }
  }
  V total = splat<V>(0.0F);
  for (const V& sum : sums) {
    total += sum;
  }
  *out = sum_lanes<kLanes>(total);
  *flops = 2.0 * kLanes * kChains * static_cast<double>(rounds);
}

FF_DISPATCH(peak,
            (int64_t rounds, float* out, double* flops),
            (rounds, out, flops),
            multiply_adds<kLanes>(rounds, out, flops))

double measure() {
  double best = 0.0;
  for (int repeat = 0; repeat < 500; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    float sum = 0.0F;
    double flops = 0.0;
    peak_best(40000, &sum, &flops);
    volatile float result = sum;
    static_cast<void>(result);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    best = std::max(best, flops / elapsed.count());
  }
  return best;
}

}  // namespace
}  // namespace fused

double peak_flops_per_s() {
  static const double peak = fused::measure();
  return peak;
}

}  // namespace ff::engine
