// SPDX-License-Identifier: MIT
#include "sweep_jobs.h"

#include "output_folder.h"
#include "run_folder.h"

#include "flops_fit/run/shard.h"
#include "flops_fit/util/error.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ff::run {
namespace {

namespace fs = std::filesystem;

/// Time or, if the plan predicts none, FLOPs: what orders the queue and weighs the progress.
double cost_of(const io::Experiment& e) {
  return e.predicted_seconds > 0 ? e.predicted_seconds : e.planned_flops;
}

/// When the result in the folder was written; tells one from the next.
fs::file_time_type written(const fs::path& run_dir) {
  std::error_code missing;
  return fs::last_write_time(run_dir / kResultFile, missing);
}

void warn_of_replaced(const std::vector<Job>& queue) {
  const auto others = std::count_if(
      queue.begin(), queue.end(), [](const Job& job) { return holds_other_run(job.request); });
  if (others > 0) {
    spdlog::warn(
        "{} of the experiments were completed under another configuration or plan, which does not "
        "count; when they are run again, what is there is moved to replaced/ beside runs/.",
        others);
  }
}

}  // namespace

SweepJobs::SweepJobs(const train::TrainConfig& config)
    : config_(config),
      mode_(train::find_mode(config.mode)),
      plan_(io::read_sweep(config.paths.sweep)) {
  mode_.check(plan_, config_);
  const Shard shard = find_shard(config_.run.shard);
  std::vector<double> costs;
  for (const io::Experiment& e : plan_) {
    costs.push_back(cost_of(e));
  }
  const std::vector<int64_t> shards = assign_shards(costs, shard.count);
  const std::string data_identity = mode_.data_identity(config_);
  for (size_t i = 0; i < plan_.size(); ++i) {
    Job job = make_job(plan_[i], data_identity);
    const train::RunRequest& request = job.request;
    entries_.push_back({request.run_dir, request.config_hash});
    if (shards[i] != shard.index) {
      continue;
    }
    ++size_;
    const auto known = find_result(request.run_dir, request.config_hash);
    if (known && config_.resume && keep(*known)) {
      continue;
    }
    if (known) {
      known_before_[known->experiment_id] = written(request.run_dir);
    }
    if (mode_.in_worker) {
      job.needs = mode_.needs(request);
    }
    queue_.push_back(std::move(job));
  }
  std::stable_sort(
      queue_.begin(), queue_.end(), [](const Job& a, const Job& b) { return a.cost > b.cost; });
  if (shard.count > 1) {
    spdlog::info(
        "shard {}/{}: {} of {} experiments", shard.index, shard.count, size_, plan_.size());
  }
  warn_of_replaced(queue_);
}

Job SweepJobs::make_job(const io::Experiment& experiment, const std::string& data_identity) const {
  const fs::path run_dir = run_folder(config_, experiment.experiment_id);
  return {.request = {.experiment = experiment,
                      .config = config_,
                      .config_hash = config_hash(config_, experiment, data_identity),
                      .data_identity = data_identity,
                      .run_dir = run_dir},
          .cost = cost_of(experiment),
          .lock = LockAttempt(run_dir / kLockFile, config_.run.lock_timeout_s)};
}

double SweepJobs::queued_cost() const {
  double sum = 0.0;
  for (const Job& job : queue_) {
    sum += job.cost;
  }
  return sum;
}

ResultsFile SweepJobs::results_file() const {
  return {config_.paths.output, entries_};
}

bool SweepJobs::keep(const io::RunResult& result) {
  if (result.completed()) {
    ++kept_;
    return true;
  }
  if (result.status == io::kDiverged) {
    ++kept_diverged_;
    return true;
  }
  return false;
}

void SweepJobs::say_waiting(const Job& job) {
  const std::string& id = job.request.experiment.experiment_id;
  if (!std::exchange(said_waiting_[id], true)) {
    spdlog::info("{}: another ff-train runs it ({})",
                 id,
                 job.lock.owner() ? job.lock.owner()->text() : "unknown");
  }
}

std::optional<ClaimedJob> SweepJobs::claim(const std::function<bool(const Job&)>& fits) {
  for (auto job = queue_.begin(); job != queue_.end();) {
    if (!fits(*job)) {
      return std::nullopt;  // until one of the running has ended
    }
    const train::RunRequest& request = job->request;
    std::optional<RunLock> lock = job->lock.take();
    if (!lock) {
      say_waiting(*job);
      ++job;
      continue;
    }
    // Another one may have run it since the queue was made, and failed, too.
    const auto meanwhile = find_result(request.run_dir, request.config_hash);
    const auto before = known_before_.find(request.experiment.experiment_id);
    if (meanwhile &&
        (before == known_before_.end() || before->second != written(request.run_dir))) {
      static_cast<void>(keep(*meanwhile));
      job = queue_.erase(job);
      continue;
    }
    ClaimedJob claimed{.job = std::move(*job), .lock = std::move(*lock)};
    queue_.erase(job);
    prepare_folder(claimed.job.request);
    return claimed;
  }
  return std::nullopt;
}

}  // namespace ff::run
