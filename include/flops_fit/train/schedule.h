// SPDX-License-Identifier: MIT
#pragma once
// The length of a run and its learning rate over the steps.
#include "flops_fit/io/sweep.h"
#include "flops_fit/train/config.h"

#include <cstdint>
#include <string>

namespace ff::train {

/// What one run does, once the configuration's overrides of the plan are applied.
struct RunSchedule {
  int64_t batch_size = 0;  ///< rows per step
  int64_t num_steps = 0;
  int64_t warmup_steps = 0;
  double learning_rate = 0.0;  ///< peak eta
  double weight_decay = 0.0;   ///< in the parametrization's terms
  int64_t seed = 0;
};
[[nodiscard]] RunSchedule make_schedule(const io::Experiment& experiment,
                                        const TrainConfig& config);

/// Share of the peak learning rate at a step (from 0): linear warm-up, then the scheduler's decay
/// to final_lr_fraction at the run's own end.
[[nodiscard]] double lr_factor(int64_t step, const RunSchedule& run, const TrainerSection& trainer);

/// trainer.checkpoint_every.
struct CheckpointInterval {
  int64_t steps = 0;     ///< 0 = not by steps
  double seconds = 0.0;  ///< 0 = not by time
};
/// "500" steps, "60s", "5min", "1h", "0" = never. Throws ConfigError.
[[nodiscard]] CheckpointInterval checkpoint_interval(const std::string& text);

}  // namespace ff::train
