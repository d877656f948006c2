// SPDX-License-Identifier: MIT
#pragma once
// What of a sweep is left to run, and who runs it: jobs are claimed one by one, each under the lock
// of its run folder, so that several ff-train can work on one output folder.
#include "arrangement.h"
#include "results_file.h"
#include "sweep_guard.h"

#include "flops_fit/run/run_lock.h"
#include "flops_fit/train/config.h"
#include "flops_fit/train/run_one.h"

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace ff::run {

/// An experiment to be run, while nobody else runs it. Small: there may be a hundred thousand.
struct Job {
  size_t place = 0;  ///< in the plan
  train::RunNeeds needs;
  double cost = 0.0;  ///< predicted seconds, or FLOPs if the plan predicts none
  LockAttempt lock;
};

/// A job that is ours: its folder is locked, and ready for the run.
struct ClaimedJob {
  Job job;
  train::RunRequest request;
  RunLock lock;
};

/// A job whose folder cannot be used: that experiment fails, and no other.
struct UnusableFolder {
  train::RunRequest request;
  std::string reason;
};

class SweepJobs {
 public:
  /// Reads the plan, checks that the mode can run it, and finds what is done and what stands in
  /// the way. Touches nothing. Throws ConfigError, FileError.
  explicit SweepJobs(const train::TrainConfig& config);

  [[nodiscard]] SweepWish wish() const {
    return {.sweep = sweep_identity_, .shard = shard_, .again = !config_.resume};
  }
  /// Throws ConfigError if unfinished work would have to go (run.replace).
  void check_moves() const;
  /// Says which run folders must be moved to where this plan wants them.
  void announce_moves() const;
  /// Whether folders of other runs stand in the way.
  [[nodiscard]] bool something_in_the_way() const { return !arrangement_.in_the_way.empty(); }
  /// Says so, and moves them. Nobody else may be signing in meanwhile.
  void arrange_folders();

  [[nodiscard]] size_t plan_size() const { return places_.size(); }
  [[nodiscard]] const io::Experiment& experiment(const Job& job) const {
    return places_[job.place].experiment;
  }
  /// The job as a mode takes it.
  [[nodiscard]] train::RunRequest request(const Job& job) const;
  /// Not claimed yet, longest first.
  [[nodiscard]] const std::deque<Job>& queue() const { return queue_; }
  /// Predicted cost of the queue.
  [[nodiscard]] double queued_cost() const { return queued_cost_; }
  /// Results of the whole plan, of other shards too.
  [[nodiscard]] ResultsFile results_file() const;
  /// Of this shard: done before, or meanwhile by another ff-train.
  [[nodiscard]] int64_t kept() const { return kept_; }
  [[nodiscard]] int64_t kept_diverged() const { return kept_diverged_; }
  /// Of this shard: tried meanwhile by another ff-train, in vain.
  [[nodiscard]] int64_t failed_elsewhere() const { return failed_elsewhere_; }
  /// Of this shard.
  [[nodiscard]] size_t size() const { return size_; }

  /// Locks the first job of the queue that nobody else runs, and takes it off the queue. Jobs that
  /// another ff-train finished meanwhile leave the queue as kept. monostate: `fits` says no to the
  /// first, or others run all that are left. Throws StorageError and ResourceError; the job is then
  /// in the queue as before.
  using Claim = std::variant<std::monostate, ClaimedJob, UnusableFolder>;
  [[nodiscard]] Claim claim(const std::function<bool(const Job&)>& fits);
  /// Puts a job back, first in the queue; its lock goes.
  void give_back(ClaimedJob claimed);

 private:
  /// `shards`: of each place.
  void make_queue(std::span<const int64_t> shards);
  /// Whether the result ends the matter; a failed one is tried again, once by each call.
  bool keep(const io::RunResult& result);
  void say_waiting(const Job& job);
  [[nodiscard]] bool ended_meanwhile(const Job& job);

  const train::TrainConfig& config_;
  const train::Mode& mode_;
  std::string data_identity_;
  std::string sweep_identity_;
  Shard shard_;
  std::vector<Place> places_;  ///< the plan
  Arrangement arrangement_;
  std::deque<Job> queue_;
  double queued_cost_ = 0.0;
  /// By place: when the results were written that do not end the matter.
  std::map<size_t, std::filesystem::file_time_type> known_before_;
  std::set<size_t> said_waiting_;
  size_t size_ = 0;
  int64_t kept_ = 0;
  int64_t kept_diverged_ = 0;
  int64_t failed_elsewhere_ = 0;
};

}  // namespace ff::run
