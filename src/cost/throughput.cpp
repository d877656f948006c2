// SPDX-License-Identifier: MIT
#include "flops_fit/cost/throughput.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace ff::cost {
namespace {

struct Speed {
  double width;
  double flops_per_s;
};

// The eager engine, two layers, head size 8, rows of 64 tokens, one core of an AVX2 server whose
// matrix products reach 52 GFLOP/s: the rate over whole runs of the presets, evaluation included.
constexpr std::array<Speed, 7> kMeasured = {
    {{8, 8e9}, {16, 15e9}, {24, 20e9}, {32, 24e9}, {48, 28e9}, {64, 32e9}, {128, 38e9}}};

/// Process start, corpus and first evaluation of a run.
constexpr double kStartupS = 0.7;

}  // namespace

double measured_flops_per_s(const Architecture& arch) {
  const auto width = static_cast<double>(arch.d_model);
  if (width <= kMeasured.front().width) {
    return kMeasured.front().flops_per_s;
  }
  for (size_t i = 1; i < kMeasured.size(); ++i) {
    const Speed& low = kMeasured[i - 1];
    const Speed& high = kMeasured[i];
    if (width <= high.width) {
      const double t = std::log(width / low.width) / std::log(high.width / low.width);
      return low.flops_per_s + t * (high.flops_per_s - low.flops_per_s);
    }
  }
  return kMeasured.back().flops_per_s;
}

double predicted_training_s(const Architecture& arch, double tokens) {
  return kStartupS + train_flops_per_token(arch) * tokens / measured_flops_per_s(arch);
}

}  // namespace ff::cost
