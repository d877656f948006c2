// SPDX-License-Identifier: MIT
#pragma once
// The loop of one experiment: steps, metrics, checkpoints, the final evaluation. Where it stands is
// in LoopCounters and the engine's state alone, so that a killed run goes on to the same bits.
#include "run_clock.h"
#include "run_log.h"

#include "flops_fit/data/dataset.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/train/checkpoint.h"
#include "flops_fit/train/run_one.h"
#include "flops_fit/train/schedule.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ff::train {

/// What one run is made of.
struct RunParts {
  const RunRequest& request;
  RunSchedule schedule;
  const data::Dataset& dataset;
  const data::EvalSet& held_out;
  const model::Parametrization& parametrization;
  std::string device;
  std::string engine_name;
  double peak_flops_per_s = 0.0;  ///< of one core; 0 = not known
};

class TrainingLoop {
 public:
  /// Starts at `from`, or at the beginning, after `diverged` attempts at higher learning rates.
  TrainingLoop(const RunParts& parts,
               std::unique_ptr<engine::Engine> engine,
               std::vector<double> diverged,
               std::optional<Checkpoint> from);

  /// Trains to the end. The result's status is completed, or diverged with the reason. Throws
  /// Interrupted after a stop signal, its state saved; StorageError.
  [[nodiscard]] io::RunResult train();
  [[nodiscard]] std::vector<float> weights() const { return engine_->state().weights; }

 private:
  /// Loss of the next step's batch, before its update.
  double step();
  void use_threads();
  /// What is logged behind a step, and when.
  void log(bool evaluate_now);
  void save();
  void report(double loss);
  [[nodiscard]] bool last() const { return counters_.step == parts_.schedule.num_steps; }
  void evaluate_held_out();
  void diverge(const std::string& how);
  void finish();

  const RunParts& parts_;
  const TrainerSection& trainer_;
  CheckpointInterval save_every_;
  std::unique_ptr<engine::Engine> engine_;
  LoopCounters counters_;
  RunLog log_;
  RunClock clock_;
  Clock::time_point saved_ = Clock::now();
  Clock::time_point reported_ = Clock::now();
  int64_t threads_ = 1;
  int64_t step_tokens_ = 0;
  double step_flops_ = 0.0;
  std::vector<int32_t> tokens_;
  io::RunResult result_;
};

}  // namespace ff::train
