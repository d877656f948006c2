// SPDX-License-Identifier: MIT
#include "flops_fit/engine/memory.h"

#include "fused/blocks.h"

#include <algorithm>

namespace ff::engine {
namespace {

using cost::Architecture;

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

/// What a thread of the fused engine works in, norm gains included: the activations of a block in
/// every layer, a tile of logits, one head's attention, and copied factors of a product.
double fused_thread_bytes(const Architecture& arch) {
  const int64_t d = arch.d_model;
  const int64_t positions = fused::rows_of_block(arch) * arch.seq_len;
  const int64_t layer =
      positions * (10 * d + 3 * arch.d_ff) +
      fused::rows_of_block(arch) * fused::kept_weights(arch.num_heads, arch.seq_len);
  const int64_t shared = positions * (6 * d + std::max(3 * d, arch.d_ff) + arch.d_ff) +
                         fused::positions_of_tile(arch.vocab_size) * arch.vocab_size;
  const int64_t head = fused::padded(arch.head_size());
  const int64_t attention =
      arch.seq_len * (9 * head + 2 * fused::padded(std::min(arch.seq_len, fused::kQueryBlock)));
  const int64_t factors = 256 * (std::max({d, arch.d_ff}) + 2 * fused::kMaxLanes + 96);
  return (static_cast<double>(arch.num_layers) * static_cast<double>(layer) +
          static_cast<double>(shared + attention + factors)) *
         kFloat;
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
  const cost::ParamCounts counts = cost::count_params(arch);
  const double params = static_cast<double>(counts.total) * kFloat;
  const double data = kBytesPerHeldOutToken * static_cast<double>(options.evaluation_tokens) +
                      8.0 * static_cast<double>(options.batch_rows * (arch.seq_len + 1));
  WorkerMemory memory{.shared_bytes = kSharedBase};
  if (options.fused) {
    // Weights, two moments, a gradient per group of the batch; two packed copies of what is
    // multiplied; while a checkpoint is saved, three copies.
    const int64_t groups = fused::groups_of_batch(options.batch_rows * arch.seq_len, counts.total);
    memory.thread_bytes = kFusedSlack * fused_thread_bytes(arch);
    memory.own_bytes = kOwnBase + memory.thread_bytes +
                       kFusedSlack * (static_cast<double>(6 + groups) * params +
                                      2 * static_cast<double>(counts.matmul) * kFloat + data);
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

}  // namespace ff::engine
