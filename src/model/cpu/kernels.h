// SPDX-License-Identifier: MIT
#pragma once
// float32 CPU kernels behind the operations of ops.h, used where a tensor is float32 on the CPU.
// They exist because LibTorch's batched products, elementwise passes and BLAS packing take most of
// a small model's step. Single-threaded (a sweep runs one experiment per core); AVX2 is used where
// the CPU has it. ops.cpp holds the same formulas in LibTorch, for every other device and dtype;
// the tests compare the two.
#include <cstdint>

namespace ff::model::cpu {

/// Whether the three products below serve a layer: widths in whole vectors, and small enough that a
/// BLAS, which blocks for larger caches, would not be faster.
[[nodiscard]] bool linear_serves(int64_t fan_out, int64_t fan_in);
inline constexpr int64_t kMaxFanIn = 1024;
inline constexpr int64_t kMaxFanOut = 8192;

/// y = scale * x W^T; x [rows, fan_in], W [fan_out, fan_in], y [rows, fan_out].
void linear_forward(int64_t rows,
                    int64_t fan_out,
                    int64_t fan_in,
                    const float* x,
                    const float* weight,
                    float scale,
                    float* y);
/// dx = scale * dy W.
void linear_grad_input(int64_t rows,
                       int64_t fan_out,
                       int64_t fan_in,
                       const float* dy,
                       const float* weight,
                       float scale,
                       float* dx);
/// dw = scale * dy^T x.
void linear_grad_weight(int64_t rows,
                        int64_t fan_out,
                        int64_t fan_in,
                        const float* dy,
                        const float* x,
                        float scale,
                        float* dw);

/// Sizes and scales of one causal attention; see AttentionShape in ops.h.
struct Attention {
  int64_t batch, seq_len, num_heads, head;
  float logit_scale, output_scale, grad_scale;
  const float* cos;  ///< [seq_len, head / 2]
  const float* sin;
};

/// Floats that attention_forward writes to `weights` for the backward pass.
[[nodiscard]] int64_t attention_weights_size(const Attention& shape);

/// qkv [batch * seq_len, 3 d] -> out [batch * seq_len, d].
void attention_forward(const Attention& shape, const float* qkv, float* weights, float* out);
/// dout [batch * seq_len, d] -> dqkv [batch * seq_len, 3 d].
void attention_backward(
    const Attention& shape, const float* qkv, const float* weights, const float* dout, float* dqkv);

void rms_norm_forward(
    int64_t rows, int64_t features, float eps, const float* x, float* y, float* inverse_rms);
void rms_norm_backward(int64_t rows,
                       int64_t features,
                       const float* y,
                       const float* inverse_rms,
                       const float* dy,
                       float* dx);

void swiglu_forward(
    int64_t count, float alpha, float scale, const float* up, const float* gate, float* out);
void swiglu_backward(int64_t count,
                     float alpha,
                     float scale,
                     const float* up,
                     const float* gate,
                     const float* dout,
                     float* dup,
                     float* dgate);

/// out = a x + b y.
void scaled_sum(int64_t count, float a, const float* x, float b, const float* y, float* out);

/// Per-row loss [nats] of logits * logit_scale, 0 where target < 0; `dlogits` (may be null) gets
/// grad_scale * (softmax - onehot), 0 where target < 0.
void cross_entropy(int64_t rows,
                   int64_t vocab,
                   float logit_scale,
                   float grad_scale,
                   const float* logits,
                   const int64_t* targets,
                   float* losses,
                   float* dlogits);

}  // namespace ff::model::cpu
