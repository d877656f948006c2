// SPDX-License-Identifier: MIT
#pragma once
// One experiment, from its plan to its result: the training modes and their registry.
#include "flops_fit/engine/memory.h"
#include "flops_fit/io/results.h"
#include "flops_fit/io/sweep.h"
#include "flops_fit/train/config.h"
#include "flops_fit/util/error.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace ff::train {

struct RunProgress {
  int64_t step = 0;
  int64_t num_steps = 0;
  int64_t tokens = 0;  ///< trained on so far
  double loss_nats = 0.0;
};

struct RunRequest {
  io::Experiment experiment;
  TrainConfig config;
  std::string config_hash;
  std::string data_identity;      ///< Mode::data_identity() when the sweep started
  std::filesystem::path run_dir;  ///< exists
  std::function<void(const RunProgress&)> on_progress = [](const RunProgress&) {};
  /// Asked before every step: threads that it may use. They never change what comes out.
  std::function<int64_t()> num_threads = [] { return int64_t{1}; };
};

/// What one run takes of the machine.
struct RunNeeds {
  engine::WorkerMemory memory;
  int64_t max_threads = 1;  ///< that a step can make use of
};

/// A way to get an experiment's loss.
struct Mode {
  const char* name;
  const char* help;
  /// True if each experiment takes a process of its own: real work, which may be killed.
  bool in_worker;
  /// Refuses a sweep or configuration that this mode cannot run; throws ConfigError or FileError.
  void (*check)(const std::vector<io::Experiment>&, const TrainConfig&);
  /// Names the data for the configuration hash; called once per sweep, may prepare caches.
  std::string (*data_identity)(const TrainConfig&);
  /// What of the configuration decides the loss of an experiment, as text; what the plan says in
  /// its place (trained()) and what data_identity() covers is not in it.
  std::string (*config_identity)(const TrainConfig&);
  /// What of an experiment's plan decides its loss: neither its name nor its place in the plan, so
  /// that a run keeps its result when the plan around it changes.
  io::Json (*trained)(const io::Experiment&, const TrainConfig&);
  /// Only for in_worker modes: predicts what a run takes.
  RunNeeds (*needs)(const RunRequest&);
  /// Runs one experiment. What failed is a result with its status and reason; a stop signal throws
  /// Interrupted once what was done is saved, and SweepError says that no other would fare better.
  io::RunResult (*run)(const RunRequest&);
  /// Only for modes without workers: how many experiments run at once, each in a thread; null = 1.
  int64_t (*at_once)(const TrainConfig&) = nullptr;
  /// Called once with all that is left to run, before any of it; refuses by throwing. May be null.
  void (*before_spending)(std::span<const RunRequest>, const TrainConfig&) = nullptr;
};

/// Throws ConfigError for an unknown mode.
[[nodiscard]] const Mode& find_mode(const std::string& name);

/// A stop signal arrived; what was done so far is saved.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

/// What stops this experiment would stop every other one too: a full disk, a key that is refused.
/// The sweep ends (exit code 1), and nothing is recorded against the experiment.
struct SweepError : Error {
  using Error::Error;
};

/// The fields of a result that come from the plan.
[[nodiscard]] io::RunResult planned_result(const RunRequest& request);

}  // namespace ff::train
