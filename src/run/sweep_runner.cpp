// SPDX-License-Identifier: MIT
#include "flops_fit/run/sweep_runner.h"

#include "output_folder.h"
#include "results_file.h"
#include "run_folder.h"
#include "sweep_jobs.h"
#include "sweep_memory.h"
#include "sweep_progress.h"
#include "worker_pool.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/engine/cpu.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/io/provenance.h"
#include "flops_fit/train/checkpoint.h"
#include "flops_fit/train/run_one.h"
#include "flops_fit/util/cores.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <future>
#include <mutex>
#include <set>
#include <thread>

namespace ff::run {
namespace {

/// How long to wait before looking again whether another ff-train has finished an experiment.
constexpr std::chrono::milliseconds kLookEvery{200};

/// How often locks are told that their owner lives (they write it down less often).
constexpr std::chrono::seconds kBeatEvery{1};

PoolLimits pool_limits(const train::TrainConfig& config, const train::Mode& mode) {
  constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
  PoolLimits limits;
  if (config.hardware.memory_limit_gib) {
    limits.memory_bytes = *config.hardware.memory_limit_gib * kGiB;
  }
  if (!mode.in_worker || engine::resolve_device(config.hardware.device) != "cpu") {
    return limits;
  }
  limits.cores = usable_cores();
  const size_t wanted = static_cast<size_t>(
      config.hardware.num_threads.value_or(static_cast<int64_t>(limits.cores.size())));
  limits.slots = wanted;
  limits.bind = config.hardware.pin_workers && wanted == limits.cores.size();
  limits.cores.resize(std::min(wanted, limits.cores.size()));
  return limits;
}

/// The sweep under way: what is running, what came of it, and how it is shown.
class Sweep {
 public:
  Sweep(const train::TrainConfig& config, bool show_progress)
      : config_(config),
        mode_(train::find_mode(config.mode)),
        jobs_(config),
        results_(jobs_.results_file()),
        limits_(pool_limits(config, mode_)),
        progress_(show_progress) {
    const double peak = mode_.in_worker && !jobs_.queue().empty() && !limits_.cores.empty()
                            ? static_cast<double>(limits_.cores.size()) * engine::peak_flops_per_s()
                            : 0.0;
    progress_.expect(jobs_.queued_cost(), peak);
  }

  SweepOutcome run(bool dry_run) {
    announce(dry_run);
    if (dry_run) {
      return outcome();
    }
    check_output(config_);
    results_.write();
    if (mode_.before_spending != nullptr && !jobs_.queue().empty()) {
      std::vector<train::RunRequest> left;
      for (const Job& job : jobs_.queue()) {
        left.push_back(job.request);
      }
      mode_.before_spending(left, config_);
    }
    if (mode_.in_worker) {
      run_workers();
    } else {
      run_threads();
    }
    write_all();
    progress_.clear();
    if (stop_reason_) {
      throw error<Error>(
          "{} The sweep stops here; what is done is kept, so start ff-train again "
          "once this is cured.",
          *stop_reason_);
    }
    return outcome();
  }

  SweepOutcome collect() {
    check_output(config_);
    write_all();
    return outcome();
  }

 private:
  void write_all() {
    results_.write(io::provenance("ff-train", config::dump_json(config_), {config_.paths.sweep}));
  }

  SweepOutcome outcome() const {
    SweepOutcome out = counts_;
    out.kept = jobs_.kept();
    out.diverged += jobs_.kept_diverged();
    out.left += static_cast<int64_t>(jobs_.queue().size());
    out.signal = stop_signal();
    out.wall_s = progress_.elapsed_s();
    out.training_flops = progress_.flops();
    out.flops_per_s = out.training_flops / out.wall_s;
    out.cores = static_cast<int64_t>(limits_.cores.size());
    out.mfu = progress_.share_of_peak(out.flops_per_s);
    return out;
  }

  void announce(bool dry_run) const {
    const AvailableMemory memory = memory_for(limits_);
    const auto& queue = jobs_.queue();
    const size_t at_once = mode_.in_worker ? experiments_at_once(queue, limits_, memory) : 1;
    spdlog::info("{}: {} experiments, {} already completed, {} to run{}",
                 config_.paths.sweep,
                 jobs_.size(),
                 jobs_.kept(),
                 queue.size(),
                 mode_.in_worker && !queue.empty() ? fmt::format(", {} at once", at_once) : "");
    for (size_t i = 0; dry_run && i < queue.size(); ++i) {
      const io::Experiment& e = queue[i].request.experiment;
      const engine::WorkerMemory& needs = queue[i].needs.memory;
      spdlog::info(
          "  {}: {} parameters, {} tokens, {} FLOPs, about {}{}",
          e.experiment_id,
          format_count(static_cast<double>(e.model_size)),
          format_count(static_cast<double>(e.num_tokens)),
          format_flops(e.planned_flops),
          format_duration(e.predicted_seconds),
          mode_.in_worker ? ", at most " + format_bytes(needs.own_bytes + needs.shared_bytes) : "");
    }
    if (mode_.in_worker) {
      check_memory(queue, limits_, memory, config_.paths.sweep);
    }
  }

  [[nodiscard]] bool stopping() const { return stop_signal() != 0 || stop_reason_; }

  // Modes without workers: one or several threads, each with one experiment at a time.

  void run_threads() {
    const int64_t wanted = mode_.at_once == nullptr ? 1 : mode_.at_once(config_);
    const auto count = std::min<size_t>(static_cast<size_t>(wanted), jobs_.queue().size());
    std::vector<std::future<void>> threads;
    for (size_t i = 0; i < count; ++i) {
      threads.push_back(std::async(std::launch::async, [this] { run_one_by_one(); }));
    }
    for (const std::future<void>& thread : threads) {
      while (thread.wait_for(kBeatEvery) != std::future_status::ready) {
        const std::lock_guard guard(mutex_);
        for (RunLock* lock : held_) {
          lock->beat();
        }
      }
    }
  }

  void run_one_by_one() {
    for (;;) {
      std::optional<ClaimedJob> claimed;
      try {
        const std::lock_guard guard(mutex_);
        if (stopping() || jobs_.queue().empty()) {
          return;
        }
        claimed = jobs_.claim([](const Job&) { return true; });
        if (claimed) {
          held_.insert(&claimed->lock);
        }
      } catch (const std::exception& problem) {
        stop(problem.what());
        return;
      }
      if (!claimed) {
        std::this_thread::sleep_for(kLookEvery);
        continue;
      }
      run_here(claimed->job.request);
      const std::lock_guard guard(mutex_);
      held_.erase(&claimed->lock);
    }
  }

  void run_here(const train::RunRequest& request) {
    try {
      const io::RunResult result = result_of(request);
      const std::lock_guard guard(mutex_);
      write_result(request.run_dir, result);
      record(request, result);
    } catch (const train::Interrupted&) {
      const std::lock_guard guard(mutex_);
      ++counts_.left;
    } catch (const Error& problem) {  // of writing, or what no other would fare better with
      stop(problem.what());
      const std::lock_guard guard(mutex_);
      ++counts_.left;
    }
  }

  /// What the mode makes of an experiment. An error that is this one's own is its result.
  io::RunResult result_of(const train::RunRequest& request) const {
    try {
      return mode_.run(request);
    } catch (const train::Interrupted&) {
      throw;
    } catch (const train::SweepError&) {
      throw;
    } catch (const StorageError&) {
      throw;
    } catch (const std::exception& problem) {
      return failed_result(request, problem.what());
    }
  }

  void stop(const std::string& reason) {
    const std::lock_guard guard(mutex_);
    if (!stop_reason_) {
      stop_reason_ = reason;
    }
  }

  // Modes with workers: a process for each experiment.

  void run_workers() {
    WorkerPool pool(limits_);
    bool told = false;
    while (!pool.empty() || (!jobs_.queue().empty() && !stopping())) {
      try {
        start_workers(pool);
      } catch (const StorageError& problem) {
        stop_reason_ = problem.what();
      }
      if (pool.empty()) {
        std::this_thread::sleep_for(kLookEvery);  // others run all that is left
        continue;
      }
      const std::vector<Running> ended = pool.wait_for_news();
      pool.beat();
      for (const Running& worker : ended) {
        finish(worker);
      }
      if (stopping() && !told) {
        told = true;
        progress_.clear();
        spdlog::warn(
            "stopping: the running experiments save their state (a second signal stops at once)");
        pool.send(SIGTERM);
      }
      progress_.show(counts(), jobs_.queued_cost(), pool.running());
    }
  }

  void start_workers(WorkerPool& pool) {
    while (!stopping() && pool.has_slot() && !jobs_.queue().empty()) {
      // What has no room although nothing else runs here is claimed, too: it fails.
      bool fits = true;
      auto claimed = jobs_.claim([&](const Job& job) {
        fits = pool.fits(job.needs);
        return fits || pool.empty();
      });
      if (!claimed) {
        break;
      }
      if (fits) {
        pool.add(std::move(claimed->job), std::move(claimed->lock));
      } else {
        fail(claimed->job.request,
             "not started: others took the memory that it needs; start ff-train again when it "
             "is free");
      }
    }
    if (!stopping()) {
      pool.divide_cores();
    }
  }

  void finish(const Running& worker) {
    const train::RunRequest& request = worker.job.request;
    const std::optional<std::string> problem = worker.process->wait();
    progress_.add(worker.work());
    const auto threads = std::max<int64_t>(1, static_cast<int64_t>(worker.cores.size()));
    const engine::WorkerMemory& memory = worker.job.needs.memory;
    spdlog::debug("{}: took {}, predicted {}",
                  request.experiment.experiment_id,
                  format_bytes(worker.process->peak_bytes()),
                  format_bytes(memory.shared_bytes + memory.private_bytes(threads)));
    try {
      if (const auto result = find_result(request.run_dir, request.config_hash)) {
        record(request, *result);
      } else if (worker.process->stop_reason() || stopping()) {
        stop_reason_ = stop_reason_ ? stop_reason_ : worker.process->stop_reason();
        ++counts_.left;
      } else {
        fail(request, problem.value_or("the worker left no result"));
      }
    } catch (const StorageError& full) {
      stop_reason_ = full.what();
      ++counts_.left;
    }
  }

  void fail(const train::RunRequest& request, const std::string& reason) {
    const io::RunResult failed = failed_result(request, reason);
    write_result(request.run_dir, failed);
    record(request, failed);
  }

  std::string counts() const {
    return fmt::format("{}/{}",
                       jobs_.kept() + jobs_.kept_diverged() + counts_.completed + counts_.failed +
                           counts_.diverged,
                       jobs_.size());
  }

  void record(const train::RunRequest& request, const io::RunResult& result) {
    progress_.clear();
    if (result.completed()) {
      ++counts_.completed;
    } else {
      ++(result.status == io::kDiverged ? counts_.diverged : counts_.failed);
      spdlog::warn("{} {}: {}", result.experiment_id, result.status, result.error_message);
    }
    if (result.status != io::kFailed) {
      train::remove_checkpoint(request.run_dir);
    }
    results_.write_soon();
    if (result.completed() && (mode_.in_worker || mode_.at_once != nullptr)) {
      spdlog::info("[{}] {}  C {}  N {}  loss {:.4f}  {}{}",
                   counts(),
                   result.experiment_id,
                   format_flops(result.compute_budget),
                   format_count(static_cast<double>(result.model_size)),
                   *result.final_loss,
                   format_duration(result.wall_time_s),
                   result.mfu ? fmt::format("  mfu {:.0f}%", 100.0 * *result.mfu) : "");
    }
  }

  const train::TrainConfig& config_;
  const train::Mode& mode_;
  SweepJobs jobs_;
  ResultsFile results_;
  PoolLimits limits_;
  SweepProgress progress_;
  SweepOutcome counts_;
  std::mutex mutex_;                        ///< of all that threads of run_threads() share
  std::set<RunLock*> held_;                 ///< by those threads
  std::optional<std::string> stop_reason_;  ///< why nothing more is started
};

}  // namespace

SweepOutcome run_sweep(const train::TrainConfig& config, const SweepOptions& options) {
  return Sweep(config, options.show_progress).run(options.dry_run);
}

SweepOutcome collect_results(const train::TrainConfig& config) {
  return Sweep(config, false).collect();
}

}  // namespace ff::run
