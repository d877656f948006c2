// SPDX-License-Identifier: MIT
#include "sweep_memory.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace ff::run {

AvailableMemory memory_for(const PoolLimits& limits) {
  if (limits.memory_bytes) {
    return {.bytes = *limits.memory_bytes,
            .source = "hardware.memory_limit_gib",
            .process_bytes = std::numeric_limits<double>::infinity()};
  }
  return available_memory();
}

size_t experiments_at_once(const SweepJobs& jobs,
                           const PoolLimits& limits,
                           const AvailableMemory& memory) {
  const size_t wanted = std::min(limits.slots, jobs.queue().size());
  std::vector<double> own;
  double shared = 0.0;
  for (size_t i = 0; i < wanted; ++i) {
    const engine::WorkerMemory& memory_of_one = jobs.queue()[i].needs.memory;
    own.push_back(memory_of_one.private_bytes(1));
    shared = memory_of_one.shared_bytes;
  }
  const size_t fit = fit_together(own, shared, memory.bytes);
  if (fit > 0 && fit < wanted) {
    spdlog::warn(
        "memory holds {} of {} experiments at once: the longest take {} together, and {} are "
        "available ({}).",
        fit,
        wanted,
        format_bytes(std::accumulate(own.begin(), own.end(), shared)),
        format_bytes(memory.bytes),
        memory.source);
    return fit;
  }
  return wanted;
}

void check_memory(const SweepJobs& jobs,
                  const PoolLimits& limits,
                  const AvailableMemory& memory,
                  const std::string& sweep_path) {
  for (const Job& job : jobs.queue()) {
    const engine::WorkerMemory& needs = job.needs.memory;
    const bool for_one = needs.own_bytes > memory.process_bytes;
    if (for_one || needs.own_bytes + needs.shared_bytes > memory.bytes) {
      throw error<ConfigError>(
          "{}: experiment {} needs about {} of memory, and {} are available ({}); use a smaller "
          "trainer.batch_size, more trainer.accumulation_steps with engine=eager, or a machine "
          "with more{}.",
          sweep_path,
          jobs.experiment(job).experiment_id,
          format_bytes(needs.own_bytes + needs.shared_bytes),
          format_bytes(for_one ? memory.process_bytes : memory.bytes),
          for_one ? memory.process_source : memory.source,
          limits.memory_bytes ? "" : "; or say with hardware.memory_limit_gib what may be used");
    }
  }
}

}  // namespace ff::run
