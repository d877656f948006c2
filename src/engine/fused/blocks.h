// SPDX-License-Identifier: MIT
#pragma once
// How the fused engine cuts its work; memory is predicted from the same numbers.
#include "flops_fit/cost/transformer.h"

#include <algorithm>
#include <cstdint>

namespace ff::engine::fused {

/// The widest vector of any instruction set [floats]; buffers are padded to it.
inline constexpr int64_t kMaxLanes = 16;

constexpr int64_t round_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

/// Sequences of a block: enough positions for full tiles of the products, few enough that a layer's
/// activations (about 8 d + 3 d_ff floats each) stay in a second-level cache of 512 KB.
inline int64_t rows_of_block(const cost::Architecture& arch) {
  constexpr int64_t kCacheFloats = 96 * 1024;
  const int64_t per_position =
      8 * arch.d_model + 3 * arch.d_ff + arch.num_heads * round_up(arch.seq_len, 8);
  const int64_t positions = std::clamp<int64_t>(kCacheFloats / per_position, 48, 512);
  return std::max<int64_t>(1, positions / arch.seq_len);
}

/// Positions whose logits (and the gradients in their place) are held at once: the weight's
/// gradient passes by once per tile, so tiles are long although their logits leave the second-level
/// cache.
inline int64_t positions_of_tile(int64_t vocab_size) {
  return std::clamp<int64_t>(1024 * 1024 / vocab_size / 12 * 12, 48, 192);
}

/// Parts of a batch that add up a gradient each, which is what threads can share. A part costs a
/// pass over the gradients: one per 512 tokens keeps that near 1% of a step, or per 1024 where
/// gradients leave the cache. It also costs memory, so a very large model has two.
inline int64_t groups_of_batch(int64_t tokens, int64_t parameters) {
  const int64_t part = parameters < 1 << 20 ? 512 : 1024;
  constexpr int64_t kMost = 8;
  constexpr int64_t kMostFloats = 64 << 20;
  const int64_t fitting = std::max<int64_t>(2, kMostFloats / parameters);
  return std::clamp<int64_t>(tokens / part, 1, std::min(kMost, fitting));
}

/// Queries that the attention takes together. Up to this length the forward pass keeps the softmax
/// weights for the backward pass, which makes them again for longer rows: they grow with the
/// square.
inline constexpr int64_t kQueryBlock = 256;

/// Distance of rows of `n` numbers that are read by columns: not a power of two, or a column would
/// fall on few lines of the first-level cache.
constexpr int64_t padded(int64_t n) {
  return round_up(n, kMaxLanes) + kMaxLanes;
}

/// Softmax weights that a layer keeps for one sequence [floats].
constexpr int64_t kept_weights(int64_t num_heads, int64_t seq_len) {
  return seq_len <= kQueryBlock ? num_heads * seq_len * padded(seq_len) : 0;
}

}  // namespace ff::engine::fused
