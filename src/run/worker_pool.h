// SPDX-License-Identifier: MIT
#pragma once
// The workers that run at once: whether one more fits into memory, which cores each of them gets,
// and what they report.
//
// Cores that no experiment waits for go to the running ones, most work left per core first; who
// gets which is decided anew whenever a worker starts or ends.
#include "worker_process.h"

#include "flops_fit/run/run_lock.h"
#include "flops_fit/train/run_one.h"

#include <memory>
#include <optional>
#include <vector>

namespace ff::run {

/// An experiment to be run, while nobody else runs it.
struct Job {
  train::RunRequest request;
  train::RunNeeds needs;
  double cost = 0.0;  ///< predicted seconds, or FLOPs if the plan predicts none
  LockAttempt lock;
};

/// Work done in this session; what a checkpoint brought along is not in it.
struct Work {
  double cost = 0.0;
  double tokens = 0.0;
  double flops = 0.0;  ///< exact, training only
  Work& operator+=(const Work& more);
};

struct Running {
  Job job;
  RunLock lock;                            ///< outlives the process
  std::unique_ptr<WorkerProcess> process;  ///< none until it is started
  std::vector<int> cores;

  /// Cost still to be paid.
  [[nodiscard]] double left() const;
  [[nodiscard]] Work work() const;
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
  [[nodiscard]] bool has_slot() const { return running_.size() < limits_.slots; }
  /// Whether there is memory for one more.
  [[nodiscard]] bool fits(const train::RunNeeds& needs) const;

  /// Takes a job, which the next divide_cores() starts.
  void add(Job job, RunLock lock);
  /// Divides the cores if anyone came or went; starts the new ones on theirs, tells the others.
  /// Throws Error if a process cannot be started.
  void divide_cores();
  /// Waits until a worker says something or half a second has passed, and reads it.
  /// Returns those that ended.
  [[nodiscard]] std::vector<Running> wait_for_news();
  void send(int signal) const;
  /// Raises the beats of all locks.
  void beat();

 private:
  /// What the running ones and their predictions leave [bytes].
  [[nodiscard]] double free_bytes() const;
  [[nodiscard]] std::string order_for(const std::vector<int>& cores) const;

  PoolLimits limits_;
  std::vector<Running> running_;
  bool changed_ = false;
};

}  // namespace ff::run
