// SPDX-License-Identifier: MIT
#include "run_folder.h"
#include "sweep_loops.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <thread>

namespace ff::run {
namespace {

void start_workers(SweepJobs& jobs, SweepRecord& record, WorkerPool& pool) {
  while (!record.stopping() && pool.has_slot() && !jobs.queue().empty()) {
    // What has no room although nothing else runs here is claimed, too: it fails.
    bool fits = true;
    auto claimed = jobs.claim([&](const Job& job) {
      fits = pool.fits(job.needs);
      return fits || pool.empty();
    });
    if (!claimed) {
      break;
    }
    if (fits) {
      pool.add(std::move(claimed->job), std::move(claimed->lock));
    } else {
      record.add_failure(claimed->job.request,
                         "not started: others took the memory that it needs; start ff-train again "
                         "when it is free");
    }
  }
  if (!record.stopping()) {
    pool.divide_cores();
  }
}

void finish(const Running& worker, SweepRecord& record) {
  const train::RunRequest& request = worker.job.request;
  const std::optional<std::string> problem = worker.process->wait();
  record.progress.add(worker.work());
  const auto threads = std::max<int64_t>(1, static_cast<int64_t>(worker.cores.size()));
  const engine::WorkerMemory& memory = worker.job.needs.memory;
  spdlog::debug("{}: took {}, predicted {}",
                request.experiment.experiment_id,
                format_bytes(worker.process->peak_bytes()),
                format_bytes(memory.shared_bytes + memory.private_bytes(threads)));
  if (const auto result = find_result(request.run_dir, request.config_hash)) {
    record.add(request, *result);
    return;
  }
  if (worker.process->stop_reason()) {
    record.stop(*worker.process->stop_reason());
  }
  if (record.stopping()) {
    ++record.counts.left;
  } else {
    record.add_failure(request, problem.value_or("the worker left no result"));
  }
}

}  // namespace

void run_in_workers(SweepJobs& jobs, SweepRecord& record, const PoolLimits& limits) {
  WorkerPool pool(limits);
  bool told = false;
  while (!pool.empty() || (!jobs.queue().empty() && !record.stopping())) {
    try {
      start_workers(jobs, record, pool);
      if (pool.empty()) {
        std::this_thread::sleep_for(kLookEvery);  // others run all that is left
        continue;
      }
      for (const Running& worker : pool.wait_for_news()) {
        finish(worker, record);
      }
    } catch (const StorageError& problem) {
      record.stop(problem.what());
    }
    pool.beat();
    if (record.stopping() && !told) {
      told = true;
      record.progress.clear();
      spdlog::warn(
          "stopping: the running experiments save their state (a second signal stops at once)");
      pool.send(SIGTERM);
    }
    record.progress.show(record.share(), jobs.queued_cost(), pool.running());
  }
}

}  // namespace ff::run
