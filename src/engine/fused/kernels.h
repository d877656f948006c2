// SPDX-License-Identifier: MIT
#pragma once
// What the fused engine is made of: float32 kernels on one core, without LibTorch. Matrices are
// row-major and contiguous. The left and right factors of a product, and x of
// linear_grad_weight, may be read up to 2 kMaxLanes floats past their end: give their buffers that
// much room. The formulas are those of src/model/ops.cpp, the eager engine's, which is their
// oracle.
#include <cstdint>

namespace ff::engine::fused {

/// How the factors of a product are taken; sums, weights and activations are float32 in any case.
enum class Precision { kFloat32, kBf16 };

/// dw = scale * dy^T x, or added to dw.
void linear_grad_weight(Precision precision,
                        int64_t rows,
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

/// Bytes that pack_weight() writes at most.
[[nodiscard]] int64_t panels_bytes(Precision precision, int64_t fan_out, int64_t fan_in);

/// `panels` serve until the weight, or the instruction set in use, changes.
void pack_weight(Precision precision,
                 Pass pass,
                 int64_t fan_out,
                 int64_t fan_in,
                 const float* weight,
                 void* panels);

/// c = scale * (the product), or added to c.
void packed_product(Precision precision,
                    Pass pass,
                    int64_t rows,
                    int64_t fan_out,
                    int64_t fan_in,
                    const float* a,
                    const void* panels,
                    float scale,
                    bool add,
                    float* c);

/// Sizes and scales of one causal attention; see AttentionShape in ops.h.
struct Attention {
  int64_t batch, seq_len, num_heads, head;  ///< an odd head size: without rotation only
  float logit_scale, output_scale, grad_scale;
  const float* cos;  ///< [seq_len, head / 2]
  const float* sin;
};

/// qkv [batch * seq_len, 3 d] -> out [batch * seq_len, d]. `weights` gets kept_weights() floats
/// (see blocks.h) per sequence, for the backward pass.
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

/// y = x * gain, row by row; `y` may be x.
void apply_gain(int64_t rows, int64_t features, const float* gain, const float* x, float* y);
/// dgain += grad_scale * sum over rows of dy * x.
void gain_grad(int64_t rows,
               int64_t features,
               float grad_scale,
               const float* x,
               const float* dy,
               float* dgain);

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
