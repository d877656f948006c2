// SPDX-License-Identifier: MIT
#pragma once
// What of a sweep is left to run, and who runs it: jobs are claimed one by one, each under the lock
// of its run folder, so that several ff-train can work on one output folder.
#include "results_file.h"
#include "worker_pool.h"

#include "flops_fit/run/run_lock.h"
#include "flops_fit/train/config.h"
#include "flops_fit/train/run_one.h"

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ff::run {

/// A job that is ours: its folder is locked.
struct ClaimedJob {
  Job job;
  RunLock lock;
};

class SweepJobs {
 public:
  /// Reads the plan, checks that the mode can run it, and finds what is done. Throws ConfigError,
  /// FileError.
  explicit SweepJobs(const train::TrainConfig& config);

  [[nodiscard]] const std::vector<io::Experiment>& plan() const { return plan_; }
  /// Not claimed yet, longest first.
  [[nodiscard]] const std::vector<Job>& queue() const { return queue_; }
  /// Predicted cost of the queue.
  [[nodiscard]] double queued_cost() const;
  /// Results of the whole plan, of other shards too.
  [[nodiscard]] ResultsFile results_file() const;
  /// Of this shard: done before, or meanwhile by another ff-train.
  [[nodiscard]] int64_t kept() const { return kept_; }
  [[nodiscard]] int64_t kept_diverged() const { return kept_diverged_; }
  /// Of this shard.
  [[nodiscard]] size_t size() const { return size_; }

  /// Locks the first job of the queue that nobody else runs, and takes it off the queue. Jobs that
  /// another ff-train finished meanwhile leave the queue as kept. None: `fits` says no to the
  /// first, or others run all that are left.
  [[nodiscard]] std::optional<ClaimedJob> claim(const std::function<bool(const Job&)>& fits);

 private:
  [[nodiscard]] Job make_job(const io::Experiment& experiment,
                             const std::string& data_identity) const;
  /// Whether the result ends the matter; a failed one is tried again, once by each call.
  bool keep(const io::RunResult& result);
  void say_waiting(const Job& job);

  const train::TrainConfig& config_;
  const train::Mode& mode_;
  std::vector<io::Experiment> plan_;
  std::vector<ResultsFile::Entry> entries_;
  std::vector<Job> queue_;
  /// By id: when the results were written that do not end the matter.
  std::map<std::string, std::filesystem::file_time_type> known_before_;
  std::map<std::string, bool> said_waiting_;
  size_t size_ = 0;
  int64_t kept_ = 0;
  int64_t kept_diverged_ = 0;
};

}  // namespace ff::run
