// SPDX-License-Identifier: MIT
#pragma once
// Batch size, steps and learning rate of one run (Step Law's exponent, arXiv 2503.04715; the factor
// and the limits were measured on the built-in corpus).
#include "flops_fit/plan/config.h"

#include <cstdint>

namespace ff::plan {

struct RunLength {
  int64_t batch_size = 0;  ///< sequences
  int64_t num_steps = 0;
  int64_t num_tokens = 0;  ///< batch_size * seq_len * num_steps
  int64_t warmup_steps = 0;
};

/// Whole batches whose token count is within compute.tolerance of `tokens`: the batch rule's size,
/// or the nearest smaller one that fits. Throws ConfigError if none does.
[[nodiscard]] RunLength make_run_length(double tokens, const PlanConfig& config);

/// base_lr (base_size / N)^lr_power (base_steps / steps)^steps_power; without the last factor for
/// an abstract experiment (num_steps 0).
[[nodiscard]] double learning_rate(double model_size,
                                   int64_t num_steps,
                                   const LrSchedule& schedule);

}  // namespace ff::plan
