// SPDX-License-Identifier: MIT
#include "sweep_jobs.h"

#include "output_folder.h"
#include "run_folder.h"
#include "run_identity.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"

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

std::string identity_of(std::span<const Place> places) {
  uint64_t hash = kFnvOffset;
  for (const Place& place : places) {
    hash = fnv1a(place.experiment.experiment_id + "\n" + place.config_hash + "\n", hash);
  }
  return hash_text(hash);
}

}  // namespace

SweepJobs::SweepJobs(const train::TrainConfig& config)
    : config_(config), mode_(train::find_mode(config.mode)) {
  std::vector<io::Experiment> plan = io::read_sweep(config.paths.sweep);
  mode_.check(plan, config_);
  data_identity_ = mode_.data_identity(config_);
  shard_ = find_shard(config_.run.shard);
  std::vector<double> costs;
  for (const io::Experiment& experiment : plan) {
    costs.push_back(cost_of(experiment));
  }
  const std::vector<int64_t> shards = assign_shards(costs, shard_.count);
  const RunIdentity identity(config_, data_identity_);
  for (io::Experiment& experiment : plan) {
    const std::string hash = identity.hash_of(experiment);
    const fs::path run_dir = run_folder(config_, experiment.experiment_id);
    const bool mine = shards[places_.size()] == shard_.index;
    places_.push_back({.experiment = std::move(experiment),
                       .run_dir = run_dir,
                       .config_hash = hash,
                       .again = mine && !config_.resume});
    size_ += mine ? 1 : 0;
  }
  sweep_identity_ = identity_of(places_);
  arrangement_ = arrange(config_.paths.output, places_);
  make_queue(shards);
}

void SweepJobs::make_queue(std::span<const int64_t> shards) {
  std::vector<Job> jobs;
  for (size_t i = 0; i < places_.size(); ++i) {
    if (shards[i] != shard_.index) {
      continue;
    }
    const auto& known = arrangement_.results[i];
    if (known && keep(*known)) {
      continue;
    }
    if (known) {
      known_before_[i] = written(places_[i].run_dir);
    }
    jobs.push_back(
        {.place = i,
         .cost = cost_of(places_[i].experiment),
         .lock = LockAttempt(
             places_[i].run_dir / kLockFile, config_.run.lock_timeout_s, sweep_identity_)});
    if (mode_.in_worker) {
      jobs.back().needs = mode_.needs(request(jobs.back()));
    }
    queued_cost_ += jobs.back().cost;
  }
  std::stable_sort(
      jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.cost > b.cost; });
  queue_.assign(std::make_move_iterator(jobs.begin()), std::make_move_iterator(jobs.end()));
  if (shard_.count > 1) {
    spdlog::info(
        "shard {}/{}: {} of {} experiments", shard_.index, shard_.count, size_, places_.size());
  }
}

void SweepJobs::announce_moves() const {
  announce(arrangement_, places_);
}

void SweepJobs::check_moves() const {
  if (!config_.run.replace) {
    refuse_to_lose(arrangement_, places_);
  }
}

void SweepJobs::arrange_folders() {
  if (arrangement_.settled()) {
    return;
  }
  // Another ff-train may have moved them since this one looked.
  arrangement_ = arrange(config_.paths.output, places_);
  check_moves();
  announce_moves();
  carry_out(arrangement_, places_, config_.paths.output, config_.run.lock_timeout_s);
}

train::RunRequest SweepJobs::request(const Job& job) const {
  const Place& place = places_[job.place];
  return {.experiment = place.experiment,
          .config = config_,
          .config_hash = place.config_hash,
          .data_identity = data_identity_,
          .run_dir = place.run_dir};
}

ResultsFile SweepJobs::results_file() const {
  std::vector<ResultsFile::Entry> entries;
  for (const Place& place : places_) {
    entries.push_back({place.run_dir, place.config_hash});
  }
  return {config_.paths.output, std::move(entries)};
}

bool SweepJobs::keep(const io::RunResult& result) {
  if (result.completed()) {
    ++kept_;
    return true;
  }
  const auto tries = static_cast<int64_t>(result.diverged_learning_rates.size());
  if (result.status == io::kDiverged && tries >= config_.trainer.diverged_retries) {
    ++kept_diverged_;
    return true;
  }
  return false;
}

void SweepJobs::say_waiting(const Job& job) {
  if (said_waiting_.insert(job.place).second) {
    spdlog::info("{}: another ff-train runs it ({})",
                 experiment(job).experiment_id,
                 job.lock.owner() ? job.lock.owner()->text() : "unknown");
  }
}

bool SweepJobs::ended_meanwhile(const Job& job) {
  const Place& place = places_[job.place];
  const auto result = find_result(place.run_dir, place.config_hash);
  const auto before = known_before_.find(job.place);
  if (!result || (before != known_before_.end() && before->second == written(place.run_dir))) {
    return false;
  }
  if (!keep(*result)) {
    ++(result->status == io::kDiverged ? kept_diverged_ : failed_elsewhere_);
  }
  return true;
}

SweepJobs::Claim SweepJobs::claim(const std::function<bool(const Job&)>& fits) {
  for (auto job = queue_.begin(); job != queue_.end();) {
    if (!fits(*job)) {
      return {};  // until one of the running has ended
    }
    const auto take_off = [&] {
      Job taken = std::move(*job);
      queued_cost_ -= taken.cost;
      job = queue_.erase(job);
      return taken;
    };
    try {
      std::optional<RunLock> lock = job->lock.take();
      if (!lock) {
        say_waiting(*job);
        ++job;
        continue;
      }
      if (ended_meanwhile(*job)) {
        static_cast<void>(take_off());
        continue;
      }
      train::RunRequest asked = request(*job);
      prepare_folder(asked);
      return ClaimedJob{take_off(), std::move(asked), std::move(*lock)};
    } catch (const PathError& problem) {
      return UnusableFolder{request(take_off()), problem.what()};
    } catch (const UnreadableError& problem) {
      return UnusableFolder{request(take_off()), problem.what()};
    }
  }
  return {};
}

void SweepJobs::give_back(ClaimedJob claimed) {
  queued_cost_ += claimed.job.cost;
  queue_.push_front(std::move(claimed.job));
}

}  // namespace ff::run
