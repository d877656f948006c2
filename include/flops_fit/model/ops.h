// SPDX-License-Identifier: MIT
#pragma once
// The differentiable operations of the GPT, each with its backward pass written out, because in a
// unit-scaled model the gradient's multipliers differ from the forward ones (specification: Blake
// et al. 2024, appendix; the table is in parametrization.h). Device- and dtype-agnostic. x is
// [rows, features], rows = batch * seq_len; weights are [fan_out, fan_in].
#include "flops_fit/model/parametrization.h"

#include <torch/torch.h>

namespace ff::model {

/// y = forward * x W^T.
[[nodiscard]] torch::Tensor linear(const torch::Tensor& x,
                                   const torch::Tensor& weight,
                                   const LinearScale& scale);

/// y = E[ids]; ids is [rows].
[[nodiscard]] torch::Tensor embedding(const torch::Tensor& ids,
                                      const torch::Tensor& table,
                                      const LinearScale& scale);

/// y = x / sqrt(mean(x^2) + eps), over the last dimension, without gain.
[[nodiscard]] torch::Tensor rms_norm(const torch::Tensor& x, double eps = 1e-5);

/// y = x * gain, feature by feature; gain is [features]. `grad_scale` multiplies gain's gradient.
[[nodiscard]] torch::Tensor apply_gain(const torch::Tensor& x,
                                       const torch::Tensor& gain,
                                       double grad_scale);

/// SwiGLU: scale * up * gate * sigmoid(alpha * gate).
[[nodiscard]] torch::Tensor swiglu(const torch::Tensor& up,
                                   const torch::Tensor& gate,
                                   double alpha,
                                   double scale);

/// Rotary tables for positions 0..seq_len-1: cos and sin, each [seq_len, head_size / 2].
struct RotaryTables {
  torch::Tensor cos;
  torch::Tensor sin;
};
[[nodiscard]] RotaryTables rotary_tables(int64_t seq_len,
                                         int64_t head_size,
                                         double base,
                                         const torch::TensorOptions& options);

struct AttentionShape {
  int64_t batch = 0;
  int64_t seq_len = 0;
  int64_t num_heads = 0;
  double logit_scale = 1.0;   ///< multiplies q.k
  double output_scale = 1.0;  ///< multiplies the weighted sum of values
  double grad_scale = 1.0;    ///< multiplies the gradients of q, k and v in place of output_scale
  bool causal = true;         ///< false: every position sees all; in LibTorch only
};

/// Attention with rotary positions (rotate-half convention).
/// qkv is [rows, 3 d], rows ordered [q; k; v], heads contiguous within each; the result [rows, d].
[[nodiscard]] torch::Tensor attention(const torch::Tensor& qkv,
                                      const RotaryTables& rotary,
                                      const AttentionShape& shape);

/// The two ends of a residual branch. split() hands x to the branch and to the skip, and scales the
/// two gradients where they meet again by grad_at_split and skip; add() is branch * y + skip * x,
/// and scales the gradient into the branch by grad_at_add.
struct Streams {
  torch::Tensor branch;
  torch::Tensor skip;
};
[[nodiscard]] Streams residual_split(const torch::Tensor& x, const ResidualScale& scale);
[[nodiscard]] torch::Tensor residual_add(const torch::Tensor& branch,
                                         const torch::Tensor& skip,
                                         const ResidualScale& scale);

struct LossScale {
  double logits = 1.0;  ///< multiplies the logits (forward only)
  double grad = 1.0;    ///< multiplies (softmax - onehot) of each scored row
  bool mean = true;     ///< and divides it by the number of scored rows
};

/// Mean cross-entropy [nats] over the rows whose target is not -1. targets is [rows].
[[nodiscard]] torch::Tensor cross_entropy(const torch::Tensor& logits,
                                          const torch::Tensor& targets,
                                          const LossScale& scale);

/// Per-row cross-entropy [nats], without gradient.
[[nodiscard]] torch::Tensor row_losses(const torch::Tensor& logits,
                                       const torch::Tensor& targets,
                                       double logit_scale);

}  // namespace ff::model
