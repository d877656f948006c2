// SPDX-License-Identifier: MIT
#pragma once
// Splitting a sweep between several ff-train, as a Slurm job array or xargs starts them.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ff::run {

struct Shard {
  int64_t index = 0;  ///< from 0
  int64_t count = 1;
};

/// run.shard: "i/n", "all", or "auto", which is what SLURM_ARRAY_TASK_ID, _MIN, _MAX, _STEP and
/// _COUNT say, else all. Throws ConfigError.
[[nodiscard]] Shard find_shard(const std::string& text);

/// The shard of each experiment: longest first, each to the shard with the least cost so far (the
/// first of equal ones). It depends on the costs alone, so that every ff-train finds the same.
[[nodiscard]] std::vector<int64_t> assign_shards(std::span<const double> costs, int64_t count);

}  // namespace ff::run
