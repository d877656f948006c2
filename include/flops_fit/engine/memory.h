// SPDX-License-Identifier: MIT
#pragma once
// How much memory a training process takes, before it is started: pure arithmetic.
//
// Meant to be over the truth and never under it: a process that takes more than was predicted for
// it can bring the whole sweep down, one that takes less only leaves a core idle. Against the
// largest resident set (wait4) of 25 runs at widths 16 to 512, 2 to 16 layers, vocabularies of 488
// to 32000 and batches of 512 to 32768 tokens, on Debian 12, one core: the prediction is 1.16 to
// 1.36 times it for the fused engine (up to width 256), 1.03 to 1.30 times for the eager one.
//
// A mapped corpus (token files) is not in it: the kernel drops those pages when it needs them.
#include "flops_fit/cost/transformer.h"

#include <cstdint>

namespace ff::engine {

struct WorkerMemory {
  double shared_bytes = 0.0;  ///< program and libraries: once for all workers
  double own_bytes = 0.0;     ///< with one thread in a step
  double thread_bytes = 0.0;  ///< for every further thread

  /// What `threads` threads take apart from the shared part.
  [[nodiscard]] double private_bytes(int64_t threads) const {
    return own_bytes + static_cast<double>(threads - 1) * thread_bytes;
  }
};

struct MemoryOptions {
  bool fused = true;              ///< else eager
  int64_t batch_rows = 1;         ///< of a step
  int64_t micro_batches = 1;      ///< the eager engine's parts of a batch
  int64_t evaluation_tokens = 0;  ///< held out, in memory
};

[[nodiscard]] WorkerMemory predicted_memory(const cost::Architecture& arch,
                                            const MemoryOptions& options);

}  // namespace ff::engine
