// SPDX-License-Identifier: MIT
#include "flops_fit/run/shard.h"

#include "flops_fit/config/scalar.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <optional>
#include <queue>
#include <utility>

namespace ff::run {
namespace {

std::optional<int64_t> variable(const std::string& name) {
  const char* const text = std::getenv(("SLURM_ARRAY_TASK_" + name).c_str());
  return text == nullptr ? std::nullopt : config::parse_int(text);
}

/// A job array may be 0-7, 1-8 or 0-28:4; one task sent again alone (--array=3) has all of the
/// sweep, of which the others' experiments are done or locked.
Shard slurm_shard() {
  if (std::getenv("SLURM_ARRAY_TASK_ID") == nullptr) {
    return {};
  }
  const auto id = variable("ID");
  const auto count = variable("COUNT");
  const auto first = variable("MIN");
  const auto last = variable("MAX");
  const int64_t step = variable("STEP").value_or(1);
  const bool regular = id && count && first && last && step > 0 && *count > 0 &&
                       *last - *first == (*count - 1) * step && *id >= *first && *id <= *last &&
                       (*id - *first) % step == 0;
  if (!regular) {
    throw error<ConfigError>(
        "run.shard=auto: this is a Slurm job array whose SLURM_ARRAY_TASK_ID, _MIN, _MAX, _STEP "
        "and _COUNT are not those of a range; use --array=0-7, or give run.shard=i/n or all.");
  }
  return {.index = (*id - *first) / step, .count = *count};
}

}  // namespace

Shard find_shard(const std::string& text) {
  if (text == "auto") {
    return slurm_shard();
  }
  if (text == "all") {
    return {};
  }
  const size_t slash = text.find('/');
  const auto index = config::parse_int(text.substr(0, slash));
  const auto count =
      slash == std::string::npos ? std::nullopt : config::parse_int(text.substr(slash + 1));
  if (!index || !count || *count < 1 || *index < 0 || *index >= *count) {
    throw error<ConfigError>(
        "run.shard: expected i/n with i from 0 to n-1, all or auto, found {}; three machines take "
        "0/3, 1/3 and 2/3.",
        text);
  }
  return {.index = *index, .count = *count};
}

std::vector<int64_t> assign_shards(std::span<const double> costs, int64_t count) {
  std::vector<size_t> order(costs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(
      order.begin(), order.end(), [&](size_t a, size_t b) { return costs[a] > costs[b]; });
  // No more than one shard per experiment gets anything.
  const auto used = static_cast<size_t>(
      std::clamp<int64_t>(count, 1, std::max<int64_t>(1, static_cast<int64_t>(costs.size()))));
  using Load = std::pair<double, int64_t>;  // cost so far, shard: the first of equal ones is less
  std::priority_queue<Load, std::vector<Load>, std::greater<>> loads;
  for (size_t shard = 0; shard < used; ++shard) {
    loads.emplace(0.0, static_cast<int64_t>(shard));
  }
  std::vector<int64_t> shards(costs.size());
  for (const size_t i : order) {
    const auto [cost, shard] = loads.top();
    loads.pop();
    loads.emplace(cost + costs[i], shard);
    shards[i] = shard;
  }
  return shards;
}

}  // namespace ff::run
