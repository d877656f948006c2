// SPDX-License-Identifier: MIT
#pragma once
// runs/<id>/checkpoint/state.safetensors: weights and Adam's moments in the safetensors format, the
// loop's counters in its metadata. Written atomically while a run is under way, removed when it is
// done.
#include "flops_fit/engine/engine.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace ff::train {

/// What the training loop must remember besides the engine's state.
struct LoopCounters {
  int64_t step = 0;           ///< steps done
  double log_loss_sum = 0.0;  ///< of the steps since the last metrics line
  int64_t log_steps = 0;
  double tail_loss_sum = 0.0;  ///< of the last tenth of the run
  int64_t tail_steps = 0;
  double wall_s = 0.0;  ///< spent so far, over all sessions
  double core_s = 0.0;  ///< the same, times the cores in use
};

struct Checkpoint {
  std::string config_hash;
  LoopCounters counters;
  engine::EngineState state;
};

void save_checkpoint(const std::filesystem::path& run_dir, const Checkpoint& checkpoint);

/// The checkpoint of this run, if there is a whole one of this configuration. A damaged or foreign
/// one is left out with a warning in the log: the run then starts from its beginning.
[[nodiscard]] std::optional<Checkpoint> load_checkpoint(const std::filesystem::path& run_dir,
                                                        const std::string& config_hash);

void remove_checkpoint(const std::filesystem::path& run_dir);

}  // namespace ff::train
