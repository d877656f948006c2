// SPDX-License-Identifier: MIT
#pragma once
// What came of a sweep so far: counts, results.json, the log, and why it must stop, if it must.
#include "results_file.h"
#include "sweep_jobs.h"
#include "sweep_progress.h"

#include "flops_fit/run/sweep_runner.h"
#include "flops_fit/train/run_one.h"

#include <optional>
#include <string>

namespace ff::run {

struct SweepRecord {
  const SweepJobs& jobs;
  ResultsFile results;
  SweepProgress progress;
  bool log_each = true;  ///< whether each completed run gets a line
  SweepOutcome counts;
  std::optional<std::string> stop_reason;  ///< what would stop every other experiment, too

  /// A stop signal, or a reason: nothing more is started.
  [[nodiscard]] bool stopping() const;
  /// The first reason counts.
  void stop(const std::string& reason);
  /// Writes a result into its run folder, and adds it. A folder that cannot take it is no reason to
  /// lose it: then it stands in results.json alone. Throws StorageError.
  void save(const train::RunRequest& request, const io::RunResult& result);
  /// Counts and logs a result that is in its run folder. Throws StorageError.
  void add(const train::RunRequest& request, const io::RunResult& result);
  /// Saves a failed result. Throws StorageError.
  void add_failure(const train::RunRequest& request, const std::string& reason);
  /// The same, but nothing is written into that folder.
  void add_failure(const UnusableFolder& failed);
  /// "3/22": experiments that are over.
  [[nodiscard]] std::string share() const;
};

}  // namespace ff::run
