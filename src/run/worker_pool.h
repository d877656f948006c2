// SPDX-License-Identifier: MIT
#pragma once
// The workers that run at once: whether one more fits into memory, which cores each of them gets,
// and what they report.
//
// Cores that no experiment waits for go to the running ones, most work left per core first; who
// gets which is decided anew whenever a worker starts or ends. A worker here has a process: what
// is claimed and not started yet is a ClaimedJob, and stays with whoever claimed it.
#include "sweep_jobs.h"
#include "worker_process.h"

#include "flops_fit/train/run_one.h"

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::run {

/// Work done in this session; what a checkpoint brought along is not in it.
struct Work {
  double cost = 0.0;
  double tokens = 0.0;
  double flops = 0.0;  ///< exact, training only
  Work& operator+=(const Work& more);
};

/// An experiment and the process that runs it.
class Running {
 public:
  /// Starts the process. Throws ResourceError, Error; the claim is then untouched.
  Running(ClaimedJob&& claimed, std::vector<int> its_cores, const std::string& order);
  Running(Running&&) = default;
  Running& operator=(Running&&) = default;
  ~Running() { process_.reset(); }  // before the lock goes

  [[nodiscard]] const Job& job() const { return claimed_.job; }
  [[nodiscard]] const train::RunRequest& request() const { return claimed_.request; }
  [[nodiscard]] WorkerProcess& process() const { return *process_; }
  /// Takes the claim back from a worker that has ended.
  [[nodiscard]] ClaimedJob take_claim() { return std::move(claimed_); }
  void beat() { claimed_.lock.beat(); }
  /// Cost still to be paid.
  [[nodiscard]] double left() const;
  [[nodiscard]] Work work() const;

  std::vector<int> cores;
  bool alone = true;  ///< no other worker has run since it started

 private:
  std::unique_ptr<WorkerProcess> process_;  ///< null only in what was moved away
  ClaimedJob claimed_;
};

struct PoolLimits {
  size_t slots = 1;                    ///< workers at once
  std::vector<int> cores;              ///< to divide between them; empty on other devices
  bool bind = false;                   ///< each worker to its cores
  std::optional<double> memory_bytes;  ///< for all workers; none = what the machine has
};

class WorkerPool {
 public:
  explicit WorkerPool(PoolLimits limits) : limits_(std::move(limits)) {}

  [[nodiscard]] const std::vector<Running>& running() const { return running_; }
  [[nodiscard]] bool empty() const { return running_.empty(); }
  /// Whether one more may run beside the running ones and those that wait to be started.
  [[nodiscard]] bool has_slot(size_t waiting) const {
    return running_.size() + waiting < limits_.slots;
  }
  /// Whether there is memory for one more.
  [[nodiscard]] bool fits(const train::RunNeeds& needs, std::span<const ClaimedJob> waiting) const;
  [[nodiscard]] size_t slots() const { return limits_.slots; }
  /// From now on no more at once than run now, but one in any case.
  void allow_no_more() { limits_.slots = std::max<size_t>(1, running_.size()); }

  /// Divides the cores anew if anyone came or went, starts these on theirs, and tells the others.
  /// Those that the system has no room for come back, with the reason.
  struct NotStarted {
    std::vector<ClaimedJob> claims;
    std::string reason;
  };
  [[nodiscard]] NotStarted start(std::vector<ClaimedJob> claims);
  /// Waits until a worker says something or half a second has passed, and reads it.
  /// Returns those that ended.
  [[nodiscard]] std::vector<Running> wait_for_news();
  /// Asks all workers to save and end.
  void stop();
  /// Kills workers that were asked to end long ago and have not begun to train: they hang in their
  /// start, and have nothing to save.
  void kill_those_that_hang();
  /// Raises the beats of all locks.
  void beat();

 private:
  /// What the running ones, those that wait, and their predictions leave [bytes].
  [[nodiscard]] double free_bytes(std::span<const ClaimedJob> waiting) const;
  [[nodiscard]] std::string order_for(const std::vector<int>& cores) const;
  [[nodiscard]] std::vector<std::vector<int>> divide_cores(
      std::span<const ClaimedJob> waiting) const;

  PoolLimits limits_;
  std::vector<Running> running_;
  bool changed_ = false;
  std::optional<std::chrono::steady_clock::time_point> stopped_;
};

}  // namespace ff::run
