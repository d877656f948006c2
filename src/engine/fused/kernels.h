// SPDX-License-Identifier: MIT
#pragma once
// float32 CPU kernels behind the operations of ops.h, used where a tensor is float32 on the CPU.
// They exist because LibTorch's batched products, elementwise passes and BLAS packing take most of
// a small model's step. Single-threaded (a sweep runs one experiment per core); AVX2 is used where
// the CPU has it. ops.cpp holds the same formulas in LibTorch, for every other device and dtype;
// the tests compare the two.
#include <cstdint>

namespace ff::engine::fused {

/// Whether the three products below serve a layer: widths in whole vectors, and small enough that a
/// BLAS, which blocks for larger caches, would not be faster.
[[nodiscard]] bool linear_serves(int64_t fan_out, int64_t fan_in);
inline constexpr int64_t kMaxFanIn = 1024;
inline constexpr int64_t kMaxFanOut = 8192;

/// dw = scale * dy^T x, or added to dw.
void linear_grad_weight(int64_t rows,
                        int64_t fan_out,
                        int64_t fan_in,
                        const float* dy,
                        const float* x,
                        float scale,
                        bool add,
                        float* dw);

/// The two products with a weight W [fan_out, fan_in], which is packed for either first:
///   kForward    y = x W^T:  a [rows, fan_in],  c [rows, fan_out]
///   kGradInput  dx = dy W:  a [rows, fan_out], c [rows, fan_in]
enum class Pass { kForward, kGradInput };

/// `panels` gets fan_out * fan_in floats, which serve until the weight changes.
void pack_weight(Pass pass, int64_t fan_out, int64_t fan_in, const float* weight, float* panels);

/// c = scale * (the product), or added to c.
void packed_product(Pass pass,
                    int64_t rows,
                    int64_t fan_out,
                    int64_t fan_in,
                    const float* a,
                    const float* panels,
                    float scale,
                    bool add,
                    float* c);

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

/// One step of AdamW on `count` weights that share a learning rate. `decay` is the share removed of
/// each weight; the gradient is multiplied by `grad_scale` first.
struct AdamStep {
  float beta1, beta2, eps;
  float correction1, correction2;  ///< 1 - beta^t
  float learning_rate, decay, grad_scale;
};
void adamw(const AdamStep& step,
           int64_t count,
           const float* grad,
           float* first_moment,
           float* second_moment,
           float* weight);
[[nodiscard]] double sum_of_squares(int64_t count, const float* x);

/// out = a x + b y.
void scaled_sum(int64_t count, float a, const float* x, float b, const float* y, float* out);

/// Per-row loss [nats] of logits * logit_scale, 0 where target < 0; `dlogits` (may be null, or the
/// logits themselves) gets grad_scale * (softmax - onehot), 0 where target < 0.
void cross_entropy(int64_t rows,
                   int64_t vocab,
                   float logit_scale,
                   float grad_scale,
                   const float* logits,
                   const int64_t* targets,
                   float* losses,
                   float* dlogits);

}  // namespace ff::engine::fused
