// SPDX-License-Identifier: MIT
// AdamW in one pass over a tensor. Plain loops: the compiler turns them into vectors.
#include "kernels.h"
#include "simd.h"

#include <cmath>

namespace ff::engine::fused {
namespace {

template <int kLanes>
FF_INLINE void adamw_body(const AdamStep& s,
                          int64_t count,
                          const float* __restrict grad,
                          float* __restrict m,
                          float* __restrict v,
                          float* __restrict weight) {
  const float to_m = 1.0F - s.beta1;
  const float to_v = 1.0F - s.beta2;
  const float root_correction = 1.0F / std::sqrt(s.correction2);
  const float rate = s.learning_rate / s.correction1;
  const float keep = 1.0F - s.decay;
  for (int64_t i = 0; i < count; ++i) {
    const float g = grad[i] * s.grad_scale;
    m[i] = m[i] * s.beta1 + g * to_m;
    v[i] = v[i] * s.beta2 + g * g * to_v;
    weight[i] = weight[i] * keep - rate * m[i] / (std::sqrt(v[i]) * root_correction + s.eps);
  }
}

FF_DISPATCH(
    adam,
    (const AdamStep& s, int64_t count, const float* grad, float* m, float* v, float* weight),
    (s, count, grad, m, v, weight),
    adamw_body<kLanes>(s, count, grad, m, v, weight))

}  // namespace

void adamw(const AdamStep& step,
           int64_t count,
           const float* grad,
           float* first_moment,
           float* second_moment,
           float* weight) {
  adam_best(step, count, grad, first_moment, second_moment, weight);
}

double sum_of_squares(int64_t count, const float* x) {
  // Eight sums, so that the order does not depend on how the loop is compiled.
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (int lane = 0; lane < 8; ++lane) {
      sums[lane] += static_cast<double>(x[i + lane]) * static_cast<double>(x[i + lane]);
    }
  }
  for (; i < count; ++i) {
    sums[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

}  // namespace ff::engine::fused
