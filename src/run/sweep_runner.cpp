// SPDX-License-Identifier: MIT
#include "flops_fit/run/sweep_runner.h"

#include "descriptors.h"
#include "output_folder.h"
#include "sweep_guard.h"
#include "sweep_jobs.h"
#include "sweep_loops.h"
#include "sweep_memory.h"
#include "sweep_record.h"
#include "worker_pool.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/engine/cpu.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/io/provenance.h"
#include "flops_fit/train/run_one.h"
#include "flops_fit/util/cores.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/long_work.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ff::run {
namespace {

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
  if (const size_t room = workers_for_descriptors(); room < limits.slots) {
    spdlog::warn("the limit on open files (ulimit -n) has room for {} experiments at once.", room);
    limits.slots = room;
  }
  limits.bind = config.hardware.pin_workers && wanted == limits.cores.size();
  limits.cores.resize(std::min(wanted, limits.cores.size()));
  return limits;
}

/// What will run; refuses what memory cannot hold.
void announce(const SweepJobs& jobs,
              const train::Mode& mode,
              const PoolLimits& limits,
              const std::string& sweep_path,
              bool dry_run) {
  const std::deque<Job>& queue = jobs.queue();
  const AvailableMemory memory = memory_for(limits);
  const size_t at_once = mode.in_worker ? experiments_at_once(jobs, limits, memory) : 1;
  spdlog::info("{}: {} experiments, {} already completed, {} to run{}",
               sweep_path,
               jobs.size(),
               jobs.kept(),
               queue.size(),
               mode.in_worker && !queue.empty() ? fmt::format(", {} at once", at_once) : "");
  for (size_t i = 0; dry_run && i < queue.size(); ++i) {
    const io::Experiment& e = jobs.experiment(queue[i]);
    const engine::WorkerMemory& needs = queue[i].needs.memory;
    spdlog::info(
        "  {}: {} parameters, {} tokens, {} FLOPs, about {}{}",
        e.experiment_id,
        format_count(static_cast<double>(e.model_size)),
        format_count(static_cast<double>(e.num_tokens)),
        format_flops(e.planned_flops),
        format_duration(e.predicted_seconds),
        mode.in_worker ? ", at most " + format_bytes(needs.own_bytes + needs.shared_bytes) : "");
  }
  if (mode.in_worker) {
    check_memory(jobs, limits, memory, sweep_path);
  }
}

void ask_before_spending(const SweepJobs& jobs,
                         const train::Mode& mode,
                         const train::TrainConfig& config) {
  if (mode.before_spending == nullptr || jobs.queue().empty()) {
    return;
  }
  std::vector<train::RunRequest> left;
  for (const Job& job : jobs.queue()) {
    left.push_back(jobs.request(job));
  }
  try {
    mode.before_spending(left, config);
  } catch (const train::Interrupted&) {
    throw StoppedError(stop_signal());
  }
}

void write_results(SweepRecord& record, const train::TrainConfig& config) {
  if (record.results.write(
          io::provenance("ff-train", config::dump_json(config), {config.paths.sweep}))) {
    return;
  }
  const std::string reason = fmt::format(
      "{}/runs/.results.lock: another process holds it, so results.json was not written; runs/ has "
      "all results, and ff-train --collect makes results.json of them.",
      config.paths.output);
  if (stop_signal() == 0) {
    throw Error(reason);
  }
  spdlog::warn("{}", reason);
}

SweepOutcome outcome_of(const SweepRecord& record, const PoolLimits& limits) {
  SweepOutcome out = record.counts;
  out.kept = record.jobs.kept();
  out.diverged += record.jobs.kept_diverged();
  out.failed += record.jobs.failed_elsewhere();
  out.left += static_cast<int64_t>(record.jobs.queue().size());
  out.signal = stop_signal();
  out.wall_s = record.progress.elapsed_s();
  out.training_flops = record.progress.flops();
  out.flops_per_s = out.training_flops / out.wall_s;
  out.cores = static_cast<int64_t>(limits.cores.size());
  out.mfu = record.progress.share_of_peak(out.flops_per_s);
  return out;
}

}  // namespace

SweepOutcome run_sweep(const train::TrainConfig& config, const SweepOptions& options) {
  const train::Mode& mode = train::find_mode(config.mode);
  raise_descriptor_limit();
  SweepJobs jobs(config);
  const PoolLimits limits = pool_limits(config, mode);
  SweepRecord record{.jobs = jobs,
                     .results = jobs.results_file(),
                     .progress = SweepProgress(options.show_progress),
                     .log_each = mode.in_worker || mode.at_once != nullptr};
  const double peak = mode.in_worker && !jobs.queue().empty() && !limits.cores.empty()
                          ? static_cast<double>(limits.cores.size()) * engine::peak_flops_per_s()
                          : 0.0;
  record.progress.expect(jobs.queued_cost(), peak);
  announce(jobs, mode, limits, config.paths.sweep, options.dry_run);
  jobs.check_moves();
  if (options.dry_run) {
    jobs.announce_moves();
    return outcome_of(record, limits);
  }
  check_output(config);
  SweepGuard guard(config.paths.output, jobs.wish(), config.run.lock_timeout_s);
  {
    const BackgroundBeat beats(guard);
    jobs.arrange_folders();
    guard.let_others_in();
    ask_before_spending(jobs, mode, config);
  }
  if (mode.in_worker) {
    run_in_workers(jobs, record, guard, limits);
  } else {
    run_in_threads(jobs, record, guard, mode, mode.at_once == nullptr ? 1 : mode.at_once(config));
  }
  write_results(record, config);
  record.progress.clear();
  if (record.stop_reason) {
    throw error<Error>(
        "{} The sweep stops here; what is done is kept, so start ff-train again once this is "
        "cured.",
        *record.stop_reason);
  }
  return outcome_of(record, limits);
}

SweepOutcome collect_results(const train::TrainConfig& config) {
  SweepJobs jobs(config);
  SweepRecord record{
      .jobs = jobs, .results = jobs.results_file(), .progress = SweepProgress(false)};
  check_output(config);
  const SweepGuard guard(config.paths.output, jobs.wish(), config.run.lock_timeout_s);
  if (!jobs.something_in_the_way()) {
    jobs.arrange_folders();
  }
  write_results(record, config);
  return outcome_of(record, {});
}

}  // namespace ff::run
