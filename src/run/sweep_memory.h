// SPDX-License-Identifier: MIT
#pragma once
// Whether the queue fits into memory, and how much of it at once; said before anything starts.
#include "worker_pool.h"

#include "flops_fit/run/machine_memory.h"

#include <string>

namespace ff::run {

/// hardware.memory_limit_gib, or what the machine has.
[[nodiscard]] AvailableMemory memory_for(const PoolLimits& limits);

/// As many as there are slots, unless memory holds fewer (then with a warning).
[[nodiscard]] size_t experiments_at_once(const SweepJobs& jobs,
                                         const PoolLimits& limits,
                                         const AvailableMemory& memory);

/// Refuses what does not fit even alone, before any time is spent on the others. Throws
/// ConfigError.
void check_memory(const SweepJobs& jobs,
                  const PoolLimits& limits,
                  const AvailableMemory& memory,
                  const std::string& sweep_path);

}  // namespace ff::run
