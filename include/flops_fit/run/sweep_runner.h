// SPDX-License-Identifier: MIT
#pragma once
// Runs a sweep: finds out what is left to do, trains it in worker processes (k at once on k cores,
// longest first), and keeps results.json true after every experiment.
//
// Each experiment owns runs/<id>/: config.yaml and experiment.json say what was asked for,
// result.json what came out, and config_hash inside both ties them together. A worker that dies
// fails its own experiment and no other. Several ff-train may share one output folder: each
// experiment is run under its lock, and what another one finished is kept.
#include "flops_fit/train/config.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace ff::run {

struct SweepOptions {
  bool show_progress = true;
  bool dry_run = false;  ///< say what would run, and stop
};

struct SweepOutcome {
  int64_t kept = 0;       ///< completed before, or meanwhile by another ff-train
  int64_t completed = 0;  ///< in this run
  int64_t failed = 0;     ///< recorded with their reasons; the next call tries again
  int64_t diverged = 0;   ///< recorded with their reasons, now or before
  int64_t left = 0;       ///< not run: a stop signal, or dry_run
  int signal = 0;         ///< that stopped the sweep, or 0
  double wall_s = 0.0;
  double training_flops = 0.0;  ///< exact, of the steps of this run, evaluation not counted
  double flops_per_s = 0.0;     ///< training_flops over wall_s
  int64_t cores = 0;            ///< that it could use; 0 on a device other than the CPU
  std::optional<double> mfu;    ///< share of their peak (engine::peak_flops_per_s())
};

/// Throws ConfigError and FileError before anything is written; StorageError, and Error with the
/// reason where the sweep had to stop.
[[nodiscard]] SweepOutcome run_sweep(const train::TrainConfig& config, const SweepOptions& options);

/// Makes results.json anew from the run folders, and runs nothing.
[[nodiscard]] SweepOutcome collect_results(const train::TrainConfig& config);

/// The body of a worker process: trains the experiment of one run folder. Progress goes to stdout,
/// one line "step num_steps tokens loss" each; stdin, if it is a socket, brings lines that say
/// which cores to use ("cores 0 1", "threads 2"). Returns the exit code.
[[nodiscard]] int run_worker(const std::filesystem::path& run_dir);

}  // namespace ff::run
