// SPDX-License-Identifier: MIT
#include "run_folder.h"
#include "sweep_loops.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>

namespace ff::run {
namespace {

/// The system has no room for one more beside those that run.
void go_on_with_fewer(const std::string& reason, WorkerPool& pool) {
  pool.allow_no_more();
  spdlog::warn("{} No more than {} run at once from here on.", reason, pool.slots());
}

/// Claims as many jobs as there is room for, and starts them. What the system has no room for goes
/// back into the queue.
void start_workers(SweepJobs& jobs, SweepRecord& record, WorkerPool& pool) {
  std::vector<ClaimedJob> claims;
  std::string shortage;
  while (!record.stopping() && pool.has_slot(claims.size()) && !jobs.queue().empty()) {
    try {
      // What has no room although nothing else runs here is claimed, too: it fails.
      bool fits = true;
      SweepJobs::Claim claim = jobs.claim([&](const Job& job) {
        fits = pool.fits(job.needs, claims);
        return fits || (pool.empty() && claims.empty());
      });
      if (const auto* unusable = std::get_if<UnusableFolder>(&claim)) {
        record.add_failure(*unusable);
      } else if (auto* claimed = std::get_if<ClaimedJob>(&claim); claimed == nullptr) {
        break;
      } else if (fits) {
        claims.push_back(std::move(*claimed));
      } else {
        record.add_failure(claimed->request,
                           "not started: others took the memory that it needs; start ff-train "
                           "again when it is free");
      }
    } catch (const ResourceError& problem) {
      shortage = problem.what();
      break;
    } catch (const std::exception& problem) {
      record.stop(problem.what());
    }
  }
  WorkerPool::NotStarted left;
  if (record.stopping()) {
    left.claims = std::move(claims);
  } else {
    left = pool.start(std::move(claims));
  }
  for (auto claim = left.claims.rbegin(); claim != left.claims.rend(); ++claim) {
    jobs.give_back(std::move(*claim));
  }
  if (const std::string& reason = left.reason.empty() ? shortage : left.reason; !reason.empty()) {
    if (pool.empty()) {
      record.stop(reason);  // there is no room for a single one
    } else {
      go_on_with_fewer(reason, pool);
    }
  }
}

void finish(Running worker, SweepJobs& jobs, SweepRecord& record, WorkerPool& pool) {
  const train::RunRequest& request = worker.request();
  const std::optional<std::string> problem = worker.process().wait();
  record.progress.add(worker.work());
  const auto threads = std::max<int64_t>(1, static_cast<int64_t>(worker.cores.size()));
  const engine::WorkerMemory& memory = worker.job().needs.memory;
  spdlog::debug("{}: took {}, predicted {}",
                request.experiment.experiment_id,
                format_bytes(worker.process().peak_bytes()),
                format_bytes(memory.shared_bytes + memory.private_bytes(threads)));
  if (const auto result = find_result(request.run_dir, request.config_hash)) {
    record.add(request, *result);
    return;
  }
  if (worker.process().stop_reason()) {
    record.stop(*worker.process().stop_reason());
  }
  if (record.stopping()) {
    ++record.counts.left;
  } else if (const auto& reason = worker.process().shortage()) {
    if (worker.alone) {
      record.stop(*reason);
    } else {
      go_on_with_fewer(*reason, pool);
    }
    jobs.give_back(worker.take_claim());
  } else {
    record.add_failure(request, problem.value_or("the worker left no result"));
  }
}

/// One round: starts what can be started, and takes in what has ended.
void work(SweepJobs& jobs, SweepRecord& record, WorkerPool& pool) {
  start_workers(jobs, record, pool);
  if (pool.empty()) {
    std::this_thread::sleep_for(kLookEvery);  // others run all that is left
    return;
  }
  for (Running& worker : pool.wait_for_news()) {
    try {
      finish(std::move(worker), jobs, record, pool);
    } catch (const std::exception& failure) {  // the others that ended are to be counted, too
      record.stop(failure.what());
    }
  }
}

}  // namespace

void run_in_workers(SweepJobs& jobs,
                    SweepRecord& record,
                    SweepGuard& guard,
                    const PoolLimits& limits) {
  WorkerPool pool(limits);
  bool told = false;
  while (!pool.empty() || (!jobs.queue().empty() && !record.stopping())) {
    try {
      work(jobs, record, pool);
      pool.beat();
      guard.beat();
    } catch (const std::exception& problem) {
      record.stop(problem.what());  // the running ones save first
    }
    if (record.stopping() && !pool.empty() && !told) {
      told = true;
      record.progress.clear();
      spdlog::warn(
          "stopping: the running experiments save their state (a second signal stops at once)");
      pool.stop();
    }
    pool.kill_those_that_hang();
    record.progress.show(record.share(), jobs.queued_cost(), pool.running());
  }
}

}  // namespace ff::run
