// SPDX-License-Identifier: MIT
#include "flops_fit/run/sweep_runner.h"

#include "run_folder.h"
#include "worker_process.h"

#include "flops_fit/engine/engine.h"
#include "flops_fit/train/checkpoint.h"
#include "flops_fit/train/run_one.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/progress.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <poll.h>
#include <thread>

namespace ff::run {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// Time or, if the plan predicts none, FLOPs: what orders the queue and weighs the progress.
double cost_of(const io::Experiment& e) {
  return e.predicted_seconds > 0 ? e.predicted_seconds : e.planned_flops;
}

/// The sweep under way: the plan, what is done, and how it is shown.
class Sweep {
 public:
  Sweep(const train::TrainConfig& config, const SweepOptions& options)
      : config_(config),
        mode_(train::find_mode(config.mode)),
        progress_(options.show_progress),
        plan_(io::read_sweep(config.paths.sweep)) {
    mode_.check(plan_, config_);
    const std::string data_identity = mode_.data_identity(config_);
    for (const io::Experiment& experiment : plan_) {
      train::RunRequest request{.experiment = experiment,
                                .config = config_,
                                .config_hash = config_hash(config_, experiment, data_identity),
                                .run_dir = run_folder(config_, experiment.experiment_id)};
      auto known =
          config_.resume ? find_result(request.run_dir, request.config_hash) : std::nullopt;
      if (known && known->completed()) {
        results_[experiment.experiment_id] = *known;
        ++outcome_.kept;
      } else {
        total_cost_ += cost_of(experiment);
        queue_.push_back(std::move(request));
      }
    }
    std::stable_sort(queue_.begin(), queue_.end(), [](const auto& a, const auto& b) {
      return cost_of(a.experiment) > cost_of(b.experiment);
    });
  }

  SweepOutcome run(bool dry_run) {
    const size_t slots = num_slots();
    spdlog::info("{}: {} experiments, {} already completed, {} to run{}",
                 config_.paths.sweep,
                 plan_.size(),
                 outcome_.kept,
                 queue_.size(),
                 mode_.in_worker && !queue_.empty()
                     ? fmt::format(", {} at once", std::min(slots, queue_.size()))
                     : "");
    if (dry_run) {
      for (const train::RunRequest& request : queue_) {
        const io::Experiment& e = request.experiment;
        spdlog::info("  {}: {} parameters, {} tokens, {} FLOPs, about {}",
                     e.experiment_id,
                     format_count(static_cast<double>(e.model_size)),
                     format_count(static_cast<double>(e.num_tokens)),
                     format_flops(e.planned_flops),
                     format_duration(e.predicted_seconds));
      }
      outcome_.left = static_cast<int64_t>(queue_.size());
      return outcome_;
    }
    if (mode_.in_worker) {
      run_workers(slots);
    } else {
      run_here();
    }
    write_results();
    progress_.clear();
    outcome_.signal = stop_signal();
    outcome_.wall_s = elapsed_s();
    return outcome_;
  }

 private:
  struct Running {
    train::RunRequest request;
    std::unique_ptr<WorkerProcess> process;
  };

  size_t num_slots() const {
    if (mode_.in_worker && engine::resolve_device(config_.hardware.device) == "cuda") {
      return 1;
    }
    const auto cores = static_cast<int64_t>(std::max(1U, std::thread::hardware_concurrency()));
    return static_cast<size_t>(config_.hardware.num_threads.value_or(cores));
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

  void run_here() {
    for (const train::RunRequest& request : queue_) {
      if (stop_signal() != 0) {
        ++outcome_.left;
        continue;
      }
      prepare_folder(request);
      const io::RunResult result = mode_.run(request);
      write_result(request.run_dir, result);
      record(request, result);
    }
  }

  void run_workers(size_t slots) {
    std::vector<Running> running;
    size_t next = 0;
    bool stopping = false;
    while (!running.empty() || (next < queue_.size() && !stopping)) {
      while (running.size() < slots && next < queue_.size() && !stopping) {
        train::RunRequest& request = queue_[next++];
        prepare_folder(request);
        running.push_back({request, std::make_unique<WorkerProcess>(request.run_dir)});
      }
      wait_for_news(running);
      if (stop_signal() != 0 && !stopping) {
        stopping = true;
        progress_.clear();
        spdlog::warn(
            "stopping: the running experiments save their state (a second signal stops at once)");
        for (const Running& worker : running) {
          worker.process->send(SIGTERM);
        }
      }
      for (auto worker = running.begin(); worker != running.end();) {
        if (worker->process->read()) {
          ++worker;
          continue;
        }
        finish(*worker, stopping);
        worker = running.erase(worker);
      }
      show_progress(running);
    }
    outcome_.left += static_cast<int64_t>(queue_.size() - next);
  }

  static void wait_for_news(const std::vector<Running>& running) {
    std::vector<pollfd> pipes;
    for (const Running& worker : running) {
      pipes.push_back({.fd = worker.process->pipe(), .events = POLLIN, .revents = 0});
    }
    constexpr int kTimeoutMs = 500;
    ::poll(pipes.data(), pipes.size(), kTimeoutMs);
  }

  void finish(Running& worker, bool stopping) {
    const std::optional<std::string> problem = worker.process->wait();
    const auto result = find_result(worker.request.run_dir, worker.request.config_hash);
    if (result) {
      record(worker.request, *result);
    } else if (stopping) {
      ++outcome_.left;
    } else {
      const io::RunResult failed =
          failed_result(worker.request, problem.value_or("the worker left no result"));
      write_result(worker.request.run_dir, failed);
      record(worker.request, failed);
    }
  }

  void record(const train::RunRequest& request, const io::RunResult& result) {
    results_[result.experiment_id] = result;
    done_cost_ += cost_of(request.experiment);
    progress_.clear();
    if (result.completed()) {
      train::remove_checkpoint(request.run_dir);
      ++outcome_.completed;
      done_tokens_ += static_cast<double>(result.num_tokens);
    } else {
      ++outcome_.failed;
      spdlog::warn("{} failed: {}", result.experiment_id, result.error_message);
    }
    if (mode_.in_worker) {
      write_results();
      if (result.completed()) {
        spdlog::info("[{}/{}] {}  C {}  N {}  loss {:.4f}  {}",
                     outcome_.kept + outcome_.completed + outcome_.failed,
                     plan_.size(),
                     result.experiment_id,
                     format_flops(result.compute_budget),
                     format_count(static_cast<double>(result.model_size)),
                     *result.final_loss,
                     format_duration(result.wall_time_s));
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

  void show_progress(const std::vector<Running>& running) {
    if (running.empty()) {
      return;
    }
    double cost = done_cost_;
    double tokens = done_tokens_;
    for (const Running& worker : running) {
      const train::RunProgress& p = worker.process->progress();
      tokens += static_cast<double>(p.tokens);
      if (p.num_steps > 0) {
        cost += cost_of(worker.request.experiment) * static_cast<double>(p.step) /
                static_cast<double>(p.num_steps);
      }
    }
    const train::RunProgress& first = running.front().process->progress();
    const double elapsed = elapsed_s();
    const double share = total_cost_ > 0 ? cost / total_cost_ : 0.0;
    progress_.show(
        fmt::format("[{}/{}] {:.0f}%  {} tokens/s  {} loss {:.3f}  {} left",
                    outcome_.kept + outcome_.completed + outcome_.failed,
                    plan_.size(),
                    100.0 * share,
                    format_count(tokens / elapsed),
                    running.front().request.experiment.experiment_id,
                    first.loss_nats,
                    share > 0.01 ? format_duration(elapsed * (1.0 - share) / share) : "?"));
  }

  double elapsed_s() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  const train::TrainConfig& config_;
  const train::Mode& mode_;
  Progress progress_;
  std::vector<io::Experiment> plan_;
  std::vector<train::RunRequest> queue_;  ///< longest first
  std::map<std::string, io::RunResult> results_;
  SweepOutcome outcome_;
  double total_cost_ = 0.0;
  double done_cost_ = 0.0;
  double done_tokens_ = 0.0;
  Clock::time_point start_ = Clock::now();
};

}  // namespace

SweepOutcome run_sweep(const train::TrainConfig& config, const SweepOptions& options) {
  return Sweep(config, options).run(options.dry_run);
}

}  // namespace ff::run
