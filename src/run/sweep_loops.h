// SPDX-License-Identifier: MIT
#pragma once
// The two ways to work through what is left of a sweep. Both end when nothing is left, or when the
// sweep must stop.
#include "sweep_guard.h"
#include "sweep_jobs.h"
#include "sweep_record.h"
#include "worker_pool.h"

#include "flops_fit/train/run_one.h"

#include <chrono>

namespace ff::run {

/// How long to wait before looking again whether another ff-train has finished an experiment.
inline constexpr std::chrono::milliseconds kLookEvery{200};

/// A process for each experiment, as many at once as cores and memory hold.
void run_in_workers(SweepJobs& jobs,
                    SweepRecord& record,
                    SweepGuard& guard,
                    const PoolLimits& limits);

/// `at_once` threads of this process, each with one experiment at a time.
void run_in_threads(SweepJobs& jobs,
                    SweepRecord& record,
                    SweepGuard& guard,
                    const train::Mode& mode,
                    int64_t at_once);

}  // namespace ff::run
