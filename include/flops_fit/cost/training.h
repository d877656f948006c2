// SPDX-License-Identifier: MIT
#pragma once
// What training and serving a model take, from the counts of its tree: FLOPs per token, parameters,
// memory.
#include "flops_fit/cost/evaluate.h"
#include "flops_fit/cost/model_spec.h"

#include <cstdint>

namespace ff::cost {

struct ParamTotals {
  Num total, active;    ///< active: those one token uses (a mixture's other experts do not count)
  Num embedding, head;  ///< head: 0 where it is the embedding's table
  [[nodiscard]] Num body() const { return total - embedding - head; }
};
[[nodiscard]] ParamTotals param_totals(const ModelSpec& spec);

/// Parameters in the matrix products that one token passes: 2 FLOPs each in a forward pass. A tied
/// head counts, its table as embedding does not, nor do experts that the token does not pass.
[[nodiscard]] Num matmul_params(const ModelSpec& spec);

struct TrainOptions {
  bool causal = true;          ///< count the pairs that attention sees; else all
  int64_t mask_tile = 1;       ///< see Workload
  bool recompute = false;      ///< blocks run forward again in the backward pass
  bool remake_scores = false;  ///< the backward pass makes q k^T again (flash attention)
};

/// Matrix-product FLOPs of training on one sequence, all logits computed. The backward pass is
/// twice the forward pass: each product has a gradient for either factor (the embedding's table has
/// one, so block 0 needs its input's, too).
struct TrainFlops {
  Num forward, backward, again;  ///< again: what is computed a second time
  [[nodiscard]] Num total() const { return forward + backward + again; }
};
[[nodiscard]] TrainFlops train_flops(const ModelSpec& spec,
                                     int64_t seq_len,
                                     const TrainOptions& options = {});

/// The blocks' share of a forward pass over one sequence: what activation checkpointing computes
/// again.
[[nodiscard]] Num block_flops(const ModelSpec& spec,
                              int64_t seq_len,
                              const TrainOptions& options = {});

/// Keys and values of all layers and queries, new tokens included. Layers with chunks or windows
/// keep theirs like all others, as engines allocate.
[[nodiscard]] Num kv_cache_bytes(const ModelSpec& spec, const Workload& workload);

/// Training in mixed precision with AdamW: per parameter 4 bytes each of weights, gradients and two
/// moments; activations in the model's own type, without the buffers of any one implementation.
struct TrainMemory {
  Num weights, gradients, moments;
  Num activations;             ///< everything that the backward pass reads
  Num activations_recomputed;  ///< blocks keep their input only, and one at a time is made again
  [[nodiscard]] Num fixed() const { return weights + gradients + moments; }
};
[[nodiscard]] TrainMemory train_memory(const ModelSpec& spec, const Workload& workload);

}  // namespace ff::cost
