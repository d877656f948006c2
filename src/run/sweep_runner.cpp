// SPDX-License-Identifier: MIT
#include "flops_fit/run/sweep_runner.h"

#include "run_folder.h"
#include "sweep_progress.h"
#include "worker_pool.h"

#include "flops_fit/engine/cpu.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/run/cores.h"
#include "flops_fit/run/machine_memory.h"
#include "flops_fit/train/checkpoint.h"
#include "flops_fit/train/run_one.h"
#include "flops_fit/util/cores.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

namespace ff::run {
namespace {

namespace fs = std::filesystem;

/// Time or, if the plan predicts none, FLOPs: what orders the queue and weighs the progress.
double cost_of(const io::Experiment& e) {
  return e.predicted_seconds > 0 ? e.predicted_seconds : e.planned_flops;
}

/// The sweep under way: the plan, what is done, and how it is shown.
class Sweep {
 public:
  Sweep(const train::TrainConfig& config, bool show_progress)
      : config_(config),
        mode_(train::find_mode(config.mode)),
        plan_(io::read_sweep(config.paths.sweep)),
        limits_(pool_limits()),
        progress_(show_progress) {
    mode_.check(plan_, config_);
    const std::string data_identity = mode_.data_identity(config_);
    for (const io::Experiment& experiment : plan_) {
      Job job{.request = {.experiment = experiment,
                          .config = config_,
                          .config_hash = config_hash(config_, experiment, data_identity),
                          .run_dir = run_folder(config_, experiment.experiment_id)},
              .cost = cost_of(experiment)};
      auto known =
          config_.resume ? find_result(job.request.run_dir, job.request.config_hash) : std::nullopt;
      if (known && known->completed()) {
        results_[experiment.experiment_id] = *known;
        ++outcome_.kept;
      } else {
        if (mode_.in_worker) {
          job.needs = mode_.needs(job.request);
        }
        queue_.push_back(std::move(job));
      }
    }
    std::stable_sort(
        queue_.begin(), queue_.end(), [](const Job& a, const Job& b) { return a.cost > b.cost; });
    const double peak = mode_.in_worker && !queue_.empty() && !limits_.cores.empty()
                            ? static_cast<double>(limits_.cores.size()) * engine::peak_flops_per_s()
                            : 0.0;
    progress_.expect(cost_from(0), peak);
  }

  SweepOutcome run(bool dry_run) {
    const AvailableMemory memory = memory_for_all();
    const size_t at_once = mode_.in_worker ? experiments_at_once(memory) : 1;
    spdlog::info("{}: {} experiments, {} already completed, {} to run{}",
                 config_.paths.sweep,
                 plan_.size(),
                 outcome_.kept,
                 queue_.size(),
                 mode_.in_worker && !queue_.empty() ? fmt::format(", {} at once", at_once) : "");
    if (dry_run) {
      say_plan();
    }
    if (mode_.in_worker) {
      check_memory(memory);
    }
    if (dry_run) {
      outcome_.left = static_cast<int64_t>(queue_.size());
      return outcome_;
    }
    if (mode_.in_worker) {
      run_workers();
    } else {
      run_here();
    }
    write_results();
    progress_.clear();
    outcome_.signal = stop_signal();
    outcome_.wall_s = progress_.elapsed_s();
    outcome_.training_flops = progress_.flops();
    outcome_.flops_per_s = outcome_.training_flops / outcome_.wall_s;
    outcome_.cores = static_cast<int64_t>(limits_.cores.size());
    outcome_.mfu = progress_.share_of_peak(outcome_.flops_per_s);
    return outcome_;
  }

 private:
  PoolLimits pool_limits() const {
    PoolLimits limits;
    if (config_.hardware.memory_limit_gib) {
      limits.memory_bytes = *config_.hardware.memory_limit_gib * kGiB;
    }
    if (!mode_.in_worker || engine::resolve_device(config_.hardware.device) != "cpu") {
      return limits;
    }
    limits.cores = usable_cores();
    const size_t wanted = static_cast<size_t>(
        config_.hardware.num_threads.value_or(static_cast<int64_t>(limits.cores.size())));
    limits.slots = wanted;
    limits.bind = config_.hardware.pin_workers && wanted == limits.cores.size();
    limits.cores.resize(std::min(wanted, limits.cores.size()));
    return limits;
  }

  AvailableMemory memory_for_all() const {
    if (limits_.memory_bytes) {
      constexpr double kNone = std::numeric_limits<double>::infinity();
      return {.bytes = *limits_.memory_bytes,
              .source = "hardware.memory_limit_gib",
              .process_bytes = kNone};
    }
    return available_memory();
  }

  /// As many as there are cores, unless memory holds fewer.
  size_t experiments_at_once(const AvailableMemory& memory) const {
    const size_t wanted = std::min(limits_.slots, queue_.size());
    std::vector<double> own;
    double shared = 0.0;
    for (size_t i = 0; i < wanted; ++i) {
      own.push_back(queue_[i].needs.memory.private_bytes(1));
      shared = queue_[i].needs.memory.shared_bytes;
    }
    const size_t fit = fit_together(own, shared, memory.bytes);
    if (fit > 0 && fit < wanted) {
      spdlog::warn(
          "memory holds {} of {} experiments at once: the longest take {} together, and {} are "
          "available ({}).",
          fit,
          wanted,
          format_bytes(std::accumulate(own.begin(), own.end(), shared)),
          format_bytes(memory.bytes),
          memory.source);
      return fit;
    }
    return wanted;
  }

  /// Refuses what does not fit even alone, before any time is spent on the others.
  void check_memory(const AvailableMemory& memory) const {
    for (const Job& job : queue_) {
      const engine::WorkerMemory& needs = job.needs.memory;
      const bool for_one = needs.own_bytes > memory.process_bytes;
      if (for_one || needs.own_bytes + needs.shared_bytes > memory.bytes) {
        throw error<ConfigError>(
            "{}: experiment {} needs about {} of memory, and {} are available ({}); use a smaller "
            "trainer.batch_size, more trainer.accumulation_steps with engine=eager, or a machine "
            "with more{}.",
            config_.paths.sweep,
            job.request.experiment.experiment_id,
            format_bytes(needs.own_bytes + needs.shared_bytes),
            format_bytes(for_one ? memory.process_bytes : memory.bytes),
            for_one ? memory.process_source : memory.source,
            limits_.memory_bytes ? "" : "; or say with hardware.memory_limit_gib what may be used");
      }
    }
  }

  void say_plan() const {
    for (const Job& job : queue_) {
      const io::Experiment& e = job.request.experiment;
      const engine::WorkerMemory& needs = job.needs.memory;
      spdlog::info(
          "  {}: {} parameters, {} tokens, {} FLOPs, about {}{}",
          e.experiment_id,
          format_count(static_cast<double>(e.model_size)),
          format_count(static_cast<double>(e.num_tokens)),
          format_flops(e.planned_flops),
          format_duration(e.predicted_seconds),
          mode_.in_worker ? ", at most " + format_bytes(needs.own_bytes + needs.shared_bytes) : "");
    }
  }

  /// Of the queue, from its entry `first` on.
  double cost_from(size_t first) const {
    double sum = 0.0;
    for (size_t i = first; i < queue_.size(); ++i) {
      sum += queue_[i].cost;
    }
    return sum;
  }

  /// Empties the folder of what an older configuration left, and writes what is asked for now.
  void prepare_folder(const train::RunRequest& request) {
    const fs::path old = request.run_dir / "experiment.json";
    bool same = false;
    if (config_.resume && fs::exists(old)) {
      try {
        same = read_request(request.run_dir).config_hash == request.config_hash;
      } catch (const Error&) {
        // Damaged: treated as of another configuration.
      }
    }
    if (!same) {
      fs::remove_all(request.run_dir);
    }
    fs::remove(request.run_dir / "result.json");
    write_request(request);
  }

  /// Modes without workers: in this process, several at once where the mode says so.
  void run_here() {
    if (mode_.before_spending != nullptr) {
      std::vector<train::RunRequest> requests;
      for (const Job& job : queue_) {
        requests.push_back(job.request);
      }
      mode_.before_spending(requests, config_);
    }
    std::mutex mutex;
    size_t next = 0;
    std::exception_ptr failure;
    const auto work = [&] {
      std::unique_lock lock(mutex);
      while (next < queue_.size() && !failure && stop_signal() == 0) {
        const train::RunRequest& request = queue_[next++].request;
        try {
          prepare_folder(request);
          lock.unlock();
          const io::RunResult result = mode_.run(request);
          lock.lock();
          write_result(request.run_dir, result);
          record(request, result);
        } catch (const train::Interrupted&) {
          lock.lock();
          ++outcome_.left;
        } catch (...) {
          if (!lock.owns_lock()) {
            lock.lock();
          }
          failure = failure ? failure : std::current_exception();
        }
      }
    };
    const auto wanted = static_cast<size_t>(mode_.at_once ? mode_.at_once(config_) : 1);
    std::vector<std::thread> threads;
    for (size_t i = 1; i < std::min(wanted, queue_.size()); ++i) {
      threads.emplace_back(work);
    }
    work();
    for (std::thread& thread : threads) {
      thread.join();
    }
    outcome_.left += static_cast<int64_t>(queue_.size() - next);
    if (failure) {
      write_results();
      std::rethrow_exception(failure);
    }
  }

  void run_workers() {
    WorkerPool pool(limits_);
    size_t next = 0;
    bool stopping = false;
    while (!pool.empty() || (next < queue_.size() && !stopping)) {
      while (!stopping && next < queue_.size() && pool.has_slot()) {
        if (pool.fits(queue_[next].needs)) {
          prepare_folder(queue_[next].request);
          pool.add(queue_[next++]);
        } else if (pool.empty()) {
          fail(queue_[next++].request,
               "not started: others took the memory that it needs; start ff-train again when it "
               "is free");
        } else {
          break;  // until one of the running has ended
        }
      }
      if (!stopping) {
        pool.divide_cores();
      }
      const std::vector<Running> ended = pool.wait_for_news();
      if (stop_signal() != 0 && !stopping) {
        stopping = true;
        progress_.clear();
        spdlog::warn(
            "stopping: the running experiments save their state (a second signal stops at once)");
        pool.send(SIGTERM);
      }
      for (const Running& worker : ended) {
        finish(worker, stopping);
      }
      progress_.show(counts(), cost_from(next), pool.running());
    }
    outcome_.left += static_cast<int64_t>(queue_.size() - next);
  }

  void finish(const Running& worker, bool stopping) {
    const train::RunRequest& request = worker.job.request;
    const std::optional<std::string> problem = worker.process->wait();
    progress_.add(worker.work());
    const auto threads = std::max<int64_t>(1, static_cast<int64_t>(worker.cores.size()));
    const engine::WorkerMemory& memory = worker.job.needs.memory;
    spdlog::debug("{}: took {}, predicted {}",
                  request.experiment.experiment_id,
                  format_bytes(worker.process->peak_bytes()),
                  format_bytes(memory.shared_bytes + memory.private_bytes(threads)));
    const auto result = find_result(request.run_dir, request.config_hash);
    if (result) {
      record(request, *result);
    } else if (stopping) {
      ++outcome_.left;
    } else {
      fail(request, problem.value_or("the worker left no result"));
    }
  }

  void fail(const train::RunRequest& request, const std::string& reason) {
    const io::RunResult failed = failed_result(request, reason);
    write_result(request.run_dir, failed);
    record(request, failed);
  }

  std::string counts() const {
    return fmt::format("{}/{}", outcome_.kept + outcome_.completed + outcome_.failed, plan_.size());
  }

  void record(const train::RunRequest& request, const io::RunResult& result) {
    results_[result.experiment_id] = result;
    progress_.clear();
    if (result.completed()) {
      train::remove_checkpoint(request.run_dir);
      ++outcome_.completed;
    } else {
      ++outcome_.failed;
      spdlog::warn("{} failed: {}", result.experiment_id, result.error_message);
    }
    if (mode_.in_worker) {
      write_results();
      if (result.completed()) {
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
  }

  /// In the plan's order, so that the file does not depend on who finished first.
  void write_results() const {
    std::vector<io::RunResult> ordered;
    for (const io::Experiment& e : plan_) {
      if (const auto found = results_.find(e.experiment_id); found != results_.end()) {
        ordered.push_back(found->second);
      }
    }
    io::write_results(fs::path(config_.paths.output) / "results.json", ordered);
  }

  static constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

  const train::TrainConfig& config_;
  const train::Mode& mode_;
  std::vector<io::Experiment> plan_;
  PoolLimits limits_;
  SweepProgress progress_;
  std::vector<Job> queue_;  ///< longest first
  std::map<std::string, io::RunResult> results_;
  SweepOutcome outcome_;
};

}  // namespace

SweepOutcome run_sweep(const train::TrainConfig& config, const SweepOptions& options) {
  return Sweep(config, options.show_progress).run(options.dry_run);
}

}  // namespace ff::run
