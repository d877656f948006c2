// SPDX-License-Identifier: MIT
#pragma once
// Parameters and exact training FLOPs of the project's GPT: untied embedding and head, L blocks of
// causal multi-head attention and a SwiGLU MLP, no biases, norms without gain. Pure arithmetic.
//
// Conventions: a matrix product m x k by k x n is 2mkn FLOPs, a table look-up 0; the backward pass
// is exactly twice the forward pass; attention counts the causal pairs only, (S+1)/2 keys per query
// on average. Elementwise work (norms, RoPE, softmax, SwiGLU's product) is not counted.
#include <cstdint>

namespace ff::cost {

// The largest models that are read or planned: far beyond any, and no count of them leaves 64 bits.
inline constexpr int64_t kMaxWidth = 1 << 20;
inline constexpr int64_t kMaxLayers = 10'000;
inline constexpr int64_t kMaxHidden = 64 * kMaxWidth;  ///< d_ff
inline constexpr int64_t kMaxVocab = 2147483647;
inline constexpr int64_t kMaxSeqLen = 1 << 20;

struct Architecture {
  int64_t d_model = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  int64_t d_ff = 0;        ///< width of the SwiGLU's hidden layer
  int64_t vocab_size = 0;  ///< rows of the embedding and of the head
  int64_t seq_len = 0;     ///< S, the tokens predicted per row

  int64_t head_size() const { return d_model / num_heads; }
  bool operator==(const Architecture&) const = default;
};

/// Width of the SwiGLU's hidden layer: ffn_ratio * d_model, to the nearest multiple of 8.
[[nodiscard]] int64_t mlp_width(int64_t d_model, double ffn_ratio);

struct ParamCounts {
  int64_t total = 0;   ///< everything: embedding, blocks, head
  int64_t matmul = 0;  ///< blocks and head: what enters a matrix product, so 6ND is close to C
  int64_t non_embedding = 0;  ///< blocks only (Kaplan's N)
  int64_t embedding = 0;
  int64_t head = 0;
  bool operator==(const ParamCounts&) const = default;
};

[[nodiscard]] ParamCounts count_params(const Architecture& arch);

/// Exact training FLOPs per token (forward and backward):
/// 3 (L (8 d^2 + 6 d f + 2 (S+1) d) + 2 V d); with f = 4d the bracket's first part is 32 d^2.
[[nodiscard]] double train_flops_per_token(const Architecture& arch);

/// Forward FLOPs per token, for evaluation: a third of the training count.
[[nodiscard]] double forward_flops_per_token(const Architecture& arch);

}  // namespace ff::cost
