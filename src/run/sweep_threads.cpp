// SPDX-License-Identifier: MIT
#include "run_folder.h"
#include "sweep_loops.h"

#include "flops_fit/util/error.h"

#include <spdlog/spdlog.h>

#include <future>
#include <mutex>
#include <new>
#include <set>
#include <system_error>
#include <thread>

namespace ff::run {
namespace {

/// How often locks are told that their owner lives (they write it down less often).
constexpr std::chrono::seconds kBeatEvery{1};

class ThreadedSweep {
 public:
  ThreadedSweep(SweepJobs& jobs, SweepRecord& record, SweepGuard& guard, const train::Mode& mode)
      : jobs_(jobs), record_(record), guard_(guard), mode_(mode) {}

  void run(int64_t at_once) {
    const auto count = std::min<size_t>(static_cast<size_t>(at_once), jobs_.queue().size());
    std::vector<std::future<void>> threads;
    at_work_ = count;
    try {
      for (size_t i = 0; i < count; ++i) {
        threads.push_back(std::async(std::launch::async, [this] { run_one_by_one(); }));
      }
    } catch (const std::system_error& problem) {
      if (threads.empty()) {
        throw error<ResourceError>("cannot start a thread: {}.", problem.code().message());
      }
      spdlog::warn(
          "cannot start a thread: {}. {} run at once.", problem.code().message(), threads.size());
      const std::lock_guard guard(mutex_);
      at_work_ -= count - threads.size();
    }
    for (std::future<void>& thread : threads) {
      while (thread.wait_for(kBeatEvery) != std::future_status::ready) {
        guard_.beat();
        const std::lock_guard guard(mutex_);
        for (RunLock* lock : held_) {
          lock->beat();
        }
      }
      thread.get();
    }
  }

 private:
  void run_one_by_one() {
    try {
      while (run_next()) {
      }
    } catch (const ResourceError& problem) {
      const std::lock_guard guard(mutex_);
      if (--at_work_ == 0) {
        record_.stop(problem.what());  // there was no room for a single one
      } else {
        spdlog::warn("{} No more than {} run at once from here on.", problem.what(), at_work_);
      }
    } catch (const std::exception& problem) {
      const std::lock_guard guard(mutex_);
      record_.stop(problem.what());
    }
  }

  /// False if there is nothing left for this thread.
  bool run_next() {
    std::optional<ClaimedJob> claimed;
    {
      const std::lock_guard guard(mutex_);
      if (record_.stopping() || jobs_.queue().empty()) {
        return false;
      }
      SweepJobs::Claim claim = jobs_.claim([](const Job&) { return true; });
      if (const auto* unusable = std::get_if<UnusableFolder>(&claim)) {
        record_.add_failure(*unusable);
        return true;
      }
      if (auto* job = std::get_if<ClaimedJob>(&claim)) {
        claimed = std::move(*job);
        held_.insert(&claimed->lock);
      }
    }
    if (!claimed) {
      std::this_thread::sleep_for(kLookEvery);  // others run all that is left
      return true;
    }
    try {
      run_claimed(claimed->request);
    } catch (const ResourceError&) {
      const std::lock_guard guard(mutex_);
      held_.erase(&claimed->lock);
      jobs_.give_back(std::move(*claimed));
      throw;
    } catch (...) {
      const std::lock_guard guard(mutex_);
      held_.erase(&claimed->lock);
      ++record_.counts.left;
      throw;
    }
    const std::lock_guard guard(mutex_);
    held_.erase(&claimed->lock);
    return true;
  }

  void run_claimed(const train::RunRequest& request) {
    try {
      const io::RunResult result = result_of(request);
      const std::lock_guard guard(mutex_);
      record_.save(request, result);
    } catch (const train::Interrupted&) {
      const std::lock_guard guard(mutex_);
      ++record_.counts.left;
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
    } catch (const ResourceError&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& problem) {
      return failed_result(request, problem.what());
    }
  }

  SweepJobs& jobs_;
  SweepRecord& record_;
  SweepGuard& guard_;
  const train::Mode& mode_;
  std::mutex mutex_;         ///< of all below, jobs_ and record_
  std::set<RunLock*> held_;  ///< by the threads
  size_t at_work_ = 0;       ///< threads that have not given up
};

}  // namespace

void run_in_threads(SweepJobs& jobs,
                    SweepRecord& record,
                    SweepGuard& guard,
                    const train::Mode& mode,
                    int64_t at_once) {
  ThreadedSweep(jobs, record, guard, mode).run(at_once);
}

}  // namespace ff::run
