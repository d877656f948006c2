// SPDX-License-Identifier: MIT
#include "flops_fit/cost/memory.h"

#include <algorithm>

namespace ff::cost {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;
constexpr double kFloat = 4.0;

// Measured on a run of almost nothing: 66 MiB of its own (LibTorch's relocations and tables, the
// built-in corpus), 110 MiB of files. The eager engine adds OpenBLAS's buffers and autograd.
constexpr double kOwnBase = 76 * kMiB;
constexpr double kEagerBase = 16 * kMiB;
constexpr double kSharedBase = 124 * kMiB;

/// The heap's holes and small buffers; LibTorch takes and frees tensors of many sizes.
constexpr double kFusedSlack = 1.06;
constexpr double kEagerSlack = 1.15;

/// A batch, the held-out set and the loss of each of its targets.
constexpr double kBytesPerHeldOutToken = 24.0;

/// Evaluation takes at least so many tokens at once.
constexpr int64_t kEvaluationTokens = 2048;

/// Activations of a block of rows: the backward pass needs one layer's 8 d + 3 f and the attention
/// weights of each position. A block is a row, or as many as fit a cache of 2 MiB.
double fused_block_bytes(const Architecture& arch) {
  constexpr double kCacheBytes = 2 * kMiB;
  const auto per_position =
      static_cast<double>(8 * arch.d_model + 3 * arch.d_ff + arch.num_heads * (arch.seq_len + 7));
  const double row = per_position * static_cast<double>(arch.seq_len) * kFloat;
  const double logits = 12.0 * static_cast<double>(arch.vocab_size) * kFloat;
  return std::max(row, kCacheBytes) * static_cast<double>(arch.num_layers + 1) +
         std::max(logits, kCacheBytes);
}

/// Floats per token that autograd keeps until the backward pass: of a layer two norms, q, k, v, the
/// attention weights and their sum, up, gate and their product; then logits (as they are, scaled,
/// and as log-probabilities) and what the backward pass of one layer holds at once.
double eager_step_bytes(const Architecture& arch, int64_t rows) {
  const int64_t weights = arch.num_heads * arch.seq_len;
  const int64_t kept = arch.num_layers * (6 * arch.d_model + 3 * arch.d_ff + weights);
  const int64_t at_once =
      std::max(7 * arch.d_ff + 2 * arch.d_model, 2 * weights + 8 * arch.d_model);
  return static_cast<double>(rows * arch.seq_len) *
         static_cast<double>(kept + 3 * arch.vocab_size + at_once) * kFloat;
}

double eager_evaluation_bytes(const Architecture& arch) {
  const int64_t tokens = std::max(kEvaluationTokens, arch.seq_len);
  const int64_t layer = std::max(4 * arch.d_ff, 2 * arch.num_heads * arch.seq_len);
  return static_cast<double>(tokens) *
         static_cast<double>(3 * arch.vocab_size + layer + 8 * arch.d_model) * kFloat;
}

}  // namespace

WorkerMemory predicted_memory(const Architecture& arch, const MemoryOptions& options) {
  const ParamCounts counts = count_params(arch);
  const double params = static_cast<double>(counts.total) * kFloat;
  const double data = kBytesPerHeldOutToken * static_cast<double>(options.evaluation_tokens) +
                      8.0 * static_cast<double>(options.batch_rows * (arch.seq_len + 1));
  WorkerMemory memory{.shared_bytes = kSharedBase};
  if (options.fused) {
    // Weights, gradients, two moments; two packed copies of what is multiplied; while a checkpoint
    // is saved, three copies.
    memory.thread_bytes = kFusedSlack * fused_block_bytes(arch);
    memory.own_bytes =
        kOwnBase + memory.thread_bytes +
        kFusedSlack * (7 * params + 2 * static_cast<double>(counts.matmul) * kFloat + data);
    return memory;
  }
  const int64_t parts = std::clamp<int64_t>(options.micro_batches, 1, options.batch_rows);
  const int64_t rows = (options.batch_rows + parts - 1) / parts;
  // Weights, gradients, two moments and the tensors' learning rates stay. Besides, there are at one
  // time the activations, with a gradient of the largest tensor on its way, or two or three copies
  // of all weights: for the optimizer, or a checkpoint.
  const double largest = static_cast<double>(counts.embedding) * kFloat;
  const double besides = std::max(
      {eager_step_bytes(arch, rows) + 2 * largest, eager_evaluation_bytes(arch), 3 * params});
  memory.own_bytes = kOwnBase + kEagerBase + kEagerSlack * (6 * params + besides + data);
  return memory;
}

}  // namespace ff::cost
