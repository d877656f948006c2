// SPDX-License-Identifier: MIT
// RMSNorm, gains, SwiGLU and cross-entropy, each in one pass over a row.
#include "kernels.h"
#include "simd.h"

#include <cmath>
#include <limits>

namespace ff::engine::fused {
namespace {

template <int kLanes>
FF_INLINE void rms_norm_forward_body(
    int64_t rows, int64_t features, float eps, const float* x, float* y, float* inverse_rms) {
  using V = Floats<kLanes>;
  for (int64_t r = 0; r < rows; ++r, x += features, y += features) {
    V squares = splat<V>(0.0F);
    for_each_vector<kLanes>(features, [&](int64_t i, int64_t n) FF_INLINE_LAMBDA {
      V v;
      load_some(x + i, n, 0.0F, v);
      squares += v * v;
    });
    const float inverse =
        1.0F / std::sqrt(sum_lanes<kLanes>(squares) / static_cast<float>(features) + eps);
    inverse_rms[r] = inverse;
    for (int64_t i = 0; i < features; ++i) {
      y[i] = x[i] * inverse;
    }
  }
}

template <int kLanes>
FF_INLINE void rms_norm_backward_body(int64_t rows,
                                      int64_t features,
                                      const float* y,
                                      const float* inverse_rms,
                                      const float* dy,
                                      float* dx) {
  using V = Floats<kLanes>;
  for (int64_t r = 0; r < rows; ++r, y += features, dy += features, dx += features) {
    V products = splat<V>(0.0F);
    for_each_vector<kLanes>(features, [&](int64_t i, int64_t n) FF_INLINE_LAMBDA {
      V a;
      V b;
      load_some(y + i, n, 0.0F, a);
      load_some(dy + i, n, 0.0F, b);
      products += a * b;
    });
    // d/dx of x/r: (g - y mean(g y)) / r.
    const float projection = sum_lanes<kLanes>(products) / static_cast<float>(features);
    for (int64_t i = 0; i < features; ++i) {
      dx[i] = (dy[i] - y[i] * projection) * inverse_rms[r];
    }
  }
}

template <int kLanes>
FF_INLINE void swiglu_forward_body(
    int64_t count, float alpha, float scale, const float* up, const float* gate, float* out) {
  using V = Floats<kLanes>;
  for_each_vector<kLanes>(count, [&](int64_t i, int64_t n) FF_INLINE_LAMBDA {
    V u;
    V g;
    load_some(up + i, n, 0.0F, u);
    load_some(gate + i, n, 0.0F, g);
    const V sigmoid = 1.0F / (1.0F + exp_of<kLanes>(g * -alpha));
    store_some(out + i, n, u * g * sigmoid * scale);
  });
}

template <int kLanes>
FF_INLINE void swiglu_backward_body(int64_t count,
                                    float alpha,
                                    float scale,
                                    const float* up,
                                    const float* gate,
                                    const float* dout,
                                    float* dup,
                                    float* dgate) {
  using V = Floats<kLanes>;
  for_each_vector<kLanes>(count, [&](int64_t i, int64_t n) FF_INLINE_LAMBDA {
    V u;
    V g;
    V d;
    load_some(up + i, n, 0.0F, u);
    load_some(gate + i, n, 0.0F, g);
    load_some(dout + i, n, 0.0F, d);
    const V sigmoid = 1.0F / (1.0F + exp_of<kLanes>(g * -alpha));
    const V activation = g * sigmoid;
    const V scaled = d * scale;
    store_some(dup + i, n, scaled * activation);
    // d(g s(ag))/dg = s + a g s (1 - s).
    store_some(dgate + i, n, scaled * u * (sigmoid + alpha * activation * (1.0F - sigmoid)));
  });
}

template <int kLanes>
FF_INLINE void cross_entropy_body(int64_t rows,
                                  int64_t vocab,
                                  float logit_scale,
                                  float grad_scale,
                                  const float* logits,
                                  const int64_t* targets,
                                  float* losses,
                                  float* dlogits) {
  using V = Floats<kLanes>;
  for (int64_t r = 0; r < rows; ++r, logits += vocab) {
    float* gradient = dlogits == nullptr ? nullptr : dlogits + r * vocab;
    const int64_t target = targets[r];
    if (target < 0) {
      losses[r] = 0.0F;
      if (gradient != nullptr) {
        std::memset(gradient, 0, static_cast<size_t>(vocab) * sizeof(float));
      }
      continue;
    }
    V tops = splat<V>(-std::numeric_limits<float>::infinity());
    for_each_vector<kLanes>(vocab, [&](int64_t i, int64_t n) FF_INLINE_LAMBDA {
      V v;
      load_some(logits + i, n, -std::numeric_limits<float>::infinity(), v);
      v *= logit_scale;
      tops = v > tops ? v : tops;
    });
    float top = tops[0];
    for (int lane = 1; lane < kLanes; ++lane) {
      top = tops[lane] > top ? tops[lane] : top;
    }
    const float at_target = logits[target] * logit_scale;  // dlogits may take the logits' place
    V sums = splat<V>(0.0F);
    for_each_vector<kLanes>(vocab, [&](int64_t i, int64_t n) FF_INLINE_LAMBDA {
      V v;
      load_some(logits + i, n, 0.0F, v);
      const V e = exp_of<kLanes, false>(v * logit_scale - top);
      if (n == kLanes) {
        sums += e;
      } else {
        for (int64_t lane = 0; lane < n; ++lane) {
          sums[lane] += e[lane];
        }
      }
      if (gradient != nullptr) {
        store_some(gradient + i, n, e);
      }
    });
    const float total = sum_lanes<kLanes>(sums);
    losses[r] = std::log(total) + top - at_target;
    if (gradient != nullptr) {
      const float factor = grad_scale / total;
      for (int64_t i = 0; i < vocab; ++i) {
        gradient[i] *= factor;
      }
      gradient[target] -= grad_scale;
    }
  }
}

template <int kLanes>
FF_INLINE void scaled_sum_body(
    int64_t count, float a, const float* x, float b, const float* y, float* out) {
  using V = Floats<kLanes>;
  for_each_vector<kLanes>(count, [&](int64_t i, int64_t n) FF_INLINE_LAMBDA {
    V u;
    V v;
    load_some(x + i, n, 0.0F, u);
    load_some(y + i, n, 0.0F, v);
    store_some(out + i, n, u * a + v * b);
  });
}

template <int kLanes>
FF_INLINE void gain_grad_body(int64_t rows,
                              int64_t features,
                              float grad_scale,
                              const float* x,
                              const float* dy,
                              float* dgain) {
  using V = Floats<kLanes>;
  for_each_vector<kLanes>(features, [&](int64_t i, int64_t n) FF_INLINE_LAMBDA {
    V sum = splat<V>(0.0F);
    for (int64_t r = 0; r < rows; ++r) {
      V a;
      V b;
      load_some(x + r * features + i, n, 0.0F, a);
      load_some(dy + r * features + i, n, 0.0F, b);
      sum += a * b;
    }
    V old;
    load_some(dgain + i, n, 0.0F, old);
    store_some(dgain + i, n, old + sum * grad_scale);
  });
}

FF_DISPATCH(gain_grad,
            (int64_t rows,
             int64_t features,
             float grad_scale,
             const float* x,
             const float* dy,
             float* dgain),
            (rows, features, grad_scale, x, dy, dgain),
            gain_grad_body<kLanes>(rows, features, grad_scale, x, dy, dgain))
FF_DISPATCH(scaled_sum,
            (int64_t count, float a, const float* x, float b, const float* y, float* out),
            (count, a, x, b, y, out),
            scaled_sum_body<kLanes>(count, a, x, b, y, out))
FF_DISPATCH(rms_norm_forward,
            (int64_t rows, int64_t features, float eps, const float* x, float* y, float* inverse),
            (rows, features, eps, x, y, inverse),
            rms_norm_forward_body<kLanes>(rows, features, eps, x, y, inverse))
FF_DISPATCH(rms_norm_backward,
            (int64_t rows,
             int64_t features,
             const float* y,
             const float* inverse,
             const float* dy,
             float* dx),
            (rows, features, y, inverse, dy, dx),
            rms_norm_backward_body<kLanes>(rows, features, y, inverse, dy, dx))
FF_DISPATCH(
    swiglu_forward,
    (int64_t count, float alpha, float scale, const float* up, const float* gate, float* out),
    (count, alpha, scale, up, gate, out),
    swiglu_forward_body<kLanes>(count, alpha, scale, up, gate, out))
FF_DISPATCH(swiglu_backward,
            (int64_t count,
             float alpha,
             float scale,
             const float* up,
             const float* gate,
             const float* dout,
             float* dup,
             float* dgate),
            (count, alpha, scale, up, gate, dout, dup, dgate),
            swiglu_backward_body<kLanes>(count, alpha, scale, up, gate, dout, dup, dgate))
FF_DISPATCH(cross_entropy,
            (int64_t rows,
             int64_t vocab,
             float logit_scale,
             float grad_scale,
             const float* logits,
             const int64_t* targets,
             float* losses,
             float* dlogits),
            (rows, vocab, logit_scale, grad_scale, logits, targets, losses, dlogits),
            cross_entropy_body<kLanes>(
                rows, vocab, logit_scale, grad_scale, logits, targets, losses, dlogits))

}  // namespace

void scaled_sum(int64_t count, float a, const float* x, float b, const float* y, float* out) {
  scaled_sum_best(count, a, x, b, y, out);
}
void rms_norm_forward(
    int64_t rows, int64_t features, float eps, const float* x, float* y, float* inverse_rms) {
  rms_norm_forward_best(rows, features, eps, x, y, inverse_rms);
}
void rms_norm_backward(int64_t rows,
                       int64_t features,
                       const float* y,
                       const float* inverse_rms,
                       const float* dy,
                       float* dx) {
  rms_norm_backward_best(rows, features, y, inverse_rms, dy, dx);
}
void apply_gain(int64_t rows, int64_t features, const float* gain, const float* x, float* y) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < features; ++i) {
      y[r * features + i] = x[r * features + i] * gain[i];
    }
  }
}
void gain_grad(int64_t rows,
               int64_t features,
               float grad_scale,
               const float* x,
               const float* dy,
               float* dgain) {
  gain_grad_best(rows, features, grad_scale, x, dy, dgain);
}
void swiglu_forward(
    int64_t count, float alpha, float scale, const float* up, const float* gate, float* out) {
  swiglu_forward_best(count, alpha, scale, up, gate, out);
}
void swiglu_backward(int64_t count,
                     float alpha,
                     float scale,
                     const float* up,
                     const float* gate,
                     const float* dout,
                     float* dup,
                     float* dgate) {
  swiglu_backward_best(count, alpha, scale, up, gate, dout, dup, dgate);
}
void cross_entropy(int64_t rows,
                   int64_t vocab,
                   float logit_scale,
                   float grad_scale,
                   const float* logits,
                   const int64_t* targets,
                   float* losses,
                   float* dlogits) {
  cross_entropy_best(rows, vocab, logit_scale, grad_scale, logits, targets, losses, dlogits);
}

}  // namespace ff::engine::fused
