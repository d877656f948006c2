// SPDX-License-Identifier: MIT
#pragma once
// What a run needs to go on after a restart, to the same bits: runs/<id>/checkpoint/ holds
//   step-<n>.safetensors  every weight by its name, its moments as adam.first.<name> and
//                         adam.second.<name>
//   state.json            everything else, and which tensor file it belongs to (with its hash)
// The tensor file is written first and state.json, atomically, last: until then the older pair is
// the checkpoint. Both are removed when the run is done.
#include "flops_fit/engine/engine.h"
#include "flops_fit/model/parametrization.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::train {

/// What the training loop must remember besides the engine's state. There is no random state to
/// keep: the initial weights are drawn once, and each batch is a function of (seed, step).
struct LoopCounters {
  int64_t step = 0;           ///< steps done; the next batch is that of this step
  double log_loss_sum = 0.0;  ///< of the steps since the last metrics line
  int64_t log_steps = 0;
  double tail_loss_sum = 0.0;  ///< of the last tenth of the run
  int64_t tail_steps = 0;
  double wall_s = 0.0;  ///< spent so far, over all sessions
  double core_s = 0.0;  ///< the same, times the cores in use
  /// Length of metrics.jsonl: lines that a killed run wrote after its checkpoint are cut off.
  int64_t metrics_bytes = 0;
  /// Learning rates that diverged before this one (trainer.diverged_retries).
  std::vector<double> diverged_learning_rates;
};

struct Checkpoint {
  std::string config_hash;
  int64_t data_seed = 0;  ///< of the batches
  LoopCounters counters;
  engine::EngineState state;
};

/// Throws StorageError; the older checkpoint is then still whole.
void save_checkpoint(const std::filesystem::path& run_dir,
                     std::span<const model::TensorRule> tensors,
                     const Checkpoint& checkpoint);

/// The checkpoint of this run, if there is a whole one of this configuration. A damaged or foreign
/// one is left out with a warning in the log: the run then starts from its beginning.
[[nodiscard]] std::optional<Checkpoint> load_checkpoint(const std::filesystem::path& run_dir,
                                                        std::span<const model::TensorRule> tensors,
                                                        const std::string& config_hash);

void remove_checkpoint(const std::filesystem::path& run_dir);

/// The weights alone, by their names: what output.keep_weights leaves of a finished run.
void save_weights(const std::filesystem::path& path,
                  std::span<const model::TensorRule> tensors,
                  const std::vector<float>& weights);

}  // namespace ff::train
