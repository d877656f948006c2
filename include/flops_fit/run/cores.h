// SPDX-License-Identifier: MIT
#pragma once
// How the cores of a sweep are divided between the running experiments.
#include <cstdint>
#include <span>
#include <vector>

namespace ff::run {

/// A run that wants cores.
struct CoreUser {
  double remaining = 0.0;  ///< work left, in any unit common to all
  int64_t max_cores = 1;   ///< that it can use in a step
};

/// How many cores each run gets: one each, even if they are more than the cores, and the rest one
/// by one to the run that has most work left per core, so that the last ones end together. Cores
/// that nobody can use stay idle.
[[nodiscard]] std::vector<int64_t> share_cores(int64_t cores, std::span<const CoreUser> users);

/// Which cores each run gets, for counts from share_cores(): those it held as far as they go, then
/// free ones. Runs of which each has one core of its own must not be more than the cores.
[[nodiscard]] std::vector<std::vector<int>> place_cores(std::span<const int> cores,
                                                        std::span<const std::vector<int>> held,
                                                        std::span<const int64_t> counts);

}  // namespace ff::run
