// SPDX-License-Identifier: MIT
#include "run_folder.h"
#include "sweep_loops.h"

#include "flops_fit/util/error.h"

#include <future>
#include <mutex>
#include <set>
#include <thread>

namespace ff::run {
namespace {

/// How often locks are told that their owner lives (they write it down less often).
constexpr std::chrono::seconds kBeatEvery{1};

class ThreadedSweep {
 public:
  ThreadedSweep(SweepJobs& jobs, SweepRecord& record, const train::Mode& mode)
      : jobs_(jobs), record_(record), mode_(mode) {}

  void run(int64_t at_once) {
    const auto count = std::min<size_t>(static_cast<size_t>(at_once), jobs_.queue().size());
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

 private:
  void run_one_by_one() {
    for (;;) {
      std::optional<ClaimedJob> claimed;
      {
        const std::lock_guard guard(mutex_);
        if (record_.stopping() || jobs_.queue().empty()) {
          return;
        }
        claimed = claim();
        if (claimed) {
          held_.insert(&claimed->lock);
        }
      }
      if (!claimed) {
        std::this_thread::sleep_for(kLookEvery);  // others run all that is left
        continue;
      }
      run_claimed(claimed->job.request);
      const std::lock_guard guard(mutex_);
      held_.erase(&claimed->lock);
    }
  }

  std::optional<ClaimedJob> claim() {
    try {
      return jobs_.claim([](const Job&) { return true; });
    } catch (const StorageError& problem) {
      record_.stop(problem.what());
      return std::nullopt;
    }
  }

  void run_claimed(const train::RunRequest& request) {
    try {
      const io::RunResult result = result_of(request);
      const std::lock_guard guard(mutex_);
      write_result(request.run_dir, result);
      record_.add(request, result);
    } catch (const train::Interrupted&) {
      leave("");
    } catch (const Error& problem) {  // of writing, or what no other would fare better with
      leave(problem.what());
    }
  }

  void leave(const std::string& reason) {
    const std::lock_guard guard(mutex_);
    ++record_.counts.left;
    if (!reason.empty()) {
      record_.stop(reason);
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

  SweepJobs& jobs_;
  SweepRecord& record_;
  const train::Mode& mode_;
  std::mutex mutex_;         ///< of jobs_, record_ and held_
  std::set<RunLock*> held_;  ///< by the threads
};

}  // namespace

void run_in_threads(SweepJobs& jobs,
                    SweepRecord& record,
                    const train::Mode& mode,
                    int64_t at_once) {
  ThreadedSweep(jobs, record, mode).run(at_once);
}

}  // namespace ff::run
