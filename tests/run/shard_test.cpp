// SPDX-License-Identifier: MIT
#include "flops_fit/run/shard.h"

#include "support/catch.h"
#include "support/environment.h"

#include "flops_fit/util/error.h"

#include <algorithm>
#include <numeric>
#include <random>

using ff::run::assign_shards;
using ff::run::find_shard;

namespace {

double spread(const std::vector<double>& costs, const std::vector<int64_t>& shards, int64_t count) {
  std::vector<double> loads(static_cast<size_t>(count), 0.0);
  for (size_t i = 0; i < costs.size(); ++i) {
    loads.at(static_cast<size_t>(shards[i])) += costs[i];
  }
  return *std::max_element(loads.begin(), loads.end()) /
         (std::accumulate(costs.begin(), costs.end(), 0.0) / static_cast<double>(count));
}

}  // namespace

TEST_CASE("shards are of about equal cost, and the same whoever asks", "[run]") {
  std::mt19937 generator(1);
  std::vector<double> costs;
  for (int i = 0; i < 60; ++i) {
    costs.push_back(std::uniform_real_distribution(1.0, 20.0)(generator));
  }
  for (const int64_t count : {1, 2, 3, 7}) {
    const auto shards = assign_shards(costs, count);
    CHECK(shards == assign_shards(costs, count));
    CHECK(spread(costs, shards, count) < 1.05);
    // The rule in plain words: longest first, each to the first of those with the least cost.
    std::vector<size_t> order(costs.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return costs[a] > costs[b]; });
    std::vector<double> loads(static_cast<size_t>(count), 0.0);
    for (const size_t i : order) {
      const auto least = std::min_element(loads.begin(), loads.end());
      CHECK(shards[i] == least - loads.begin());
      *least += costs[i];
    }
    CHECK(*std::max_element(shards.begin(), shards.end()) == count - 1);
  }
  // More shards than experiments: some have nothing, none has two.
  CHECK(assign_shards(std::vector<double>{3, 1, 2}, 5) == std::vector<int64_t>{0, 2, 1});
  CHECK(assign_shards({}, 4).empty());
}

TEST_CASE("run.shard says which part, or Slurm does", "[run]") {
  CHECK(find_shard("all").count == 1);
  CHECK(find_shard("auto").count == 1);
  CHECK(find_shard("2/5").index == 2);
  CHECK(find_shard("2/5").count == 5);
  for (const std::string wrong : {"5/5", "-1/5", "1/0", "1", "a/b", "1/2/3", "", "/", "0.5/2"}) {
    CHECK_THROWS_WITH(find_shard(wrong), ContainsSubstring("run.shard: expected i/n"));
  }
  const auto slurm = [](const std::string& id,
                        const std::string& first,
                        const std::string& last,
                        const std::string& step,
                        const std::string& count) {
    const ff::test::EnvironmentVariable a("SLURM_ARRAY_TASK_ID", id);
    const ff::test::EnvironmentVariable b("SLURM_ARRAY_TASK_MIN", first);
    const ff::test::EnvironmentVariable c("SLURM_ARRAY_TASK_MAX", last);
    const ff::test::EnvironmentVariable d("SLURM_ARRAY_TASK_STEP", step);
    const ff::test::EnvironmentVariable e("SLURM_ARRAY_TASK_COUNT", count);
    const auto shard = find_shard("auto");
    CHECK(find_shard("all").count == 1);
    return std::pair(shard.index, shard.count);
  };
  CHECK(slurm("3", "0", "7", "1", "8") == std::pair<int64_t, int64_t>(3, 8));
  CHECK(slurm("8", "1", "8", "1", "8") == std::pair<int64_t, int64_t>(7, 8));
  CHECK(slurm("20", "0", "28", "4", "8") == std::pair<int64_t, int64_t>(5, 8));
  CHECK(slurm("5", "5", "5", "1", "1") == std::pair<int64_t, int64_t>(0, 1));
  CHECK_THROWS_WITH(slurm("5", "1", "7", "1", "3"), ContainsSubstring("run.shard=auto"));
  CHECK_THROWS_WITH(slurm("x", "0", "7", "1", "8"), ContainsSubstring("run.shard=auto"));
}
