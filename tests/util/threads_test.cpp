// SPDX-License-Identifier: MIT
// Work goes on where the system gives fewer threads than were asked for.
#include "flops_fit/util/threads.h"

#include "support/catch.h"
#include "support/few_processes.h"

#include "flops_fit/util/thread_pool.h"

#include <atomic>
#include <barrier>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <vector>

using ff::test::kNotPossible;
using ff::test::with_few_processes;

namespace {

/// 0 if a pool of eight runs all of its tasks, once each, list after list.
int use_pool() {
  ff::ThreadPool pool(8);
  for (int list = 0; list < 20; ++list) {
    std::vector<int> runs(100);
    pool.run(100, [&](int64_t i, size_t thread) {
      runs[static_cast<size_t>(i)] += static_cast<int64_t>(thread) < pool.num_threads() ? 1 : 100;
    });
    if (runs != std::vector<int>(100, 1)) {
      return 1;
    }
  }
  return pool.num_threads() < 8 ? 0 : 2;
}

/// 0 if threads that wait for each other at a barrier all get through.
int meet_at_barrier() {
  std::optional<std::barrier<>> all;
  std::atomic<int64_t> passed = 0;
  int64_t threads = 0;
  const auto ready = [&](int64_t n) {
    threads = n;
    all.emplace(n);
  };
  ff::run_at_once(8, ready, [&](int64_t) {
    for (int pass = 0; pass < 10; ++pass) {
      all->arrive_and_wait();
      ++passed;
    }
  });
  return threads < 8 && passed == 10 * threads ? 0 : 1;
}

}  // namespace

TEST_CASE("pools and barriers go on with the threads that they get", "[util][threads]") {
  for (const rlim_t more : {0, 1, 3}) {
    INFO(more << " threads beside the first");
    const int pool = with_few_processes(more, use_pool);
    if (pool == kNotPossible) {
      WARN("skipped: this system does not let a test limit its processes");
      return;
    }
    CHECK(pool == 0);
    CHECK(with_few_processes(more, meet_at_barrier) == 0);
    CHECK(with_few_processes(more, [] { return ff::startable_threads(8) < 8 ? 0 : 1; }) == 0);
  }
}

TEST_CASE("threads at once are as many as were asked for, and end before the call",
          "[util][threads]") {
  for (const int64_t count : {1, 2, 7}) {
    std::vector<int> runs(static_cast<size_t>(count));
    int64_t told = 0;
    ff::run_at_once(
        count, [&](int64_t n) { told = n; }, [&](int64_t i) { runs[static_cast<size_t>(i)] = 1; });
    CHECK(told == count);
    CHECK(std::accumulate(runs.begin(), runs.end(), int64_t{0}) == count);
    CHECK(ff::startable_threads(count) == count);
  }
}

TEST_CASE("threads whose preparation fails do no work, and end", "[util][threads]") {
  std::atomic<int> runs = 0;
  CHECK_THROWS_AS(ff::run_at_once(
                      4, [](int64_t) { throw std::runtime_error("no"); }, [&](int64_t) { ++runs; }),
                  std::runtime_error);
  CHECK(runs == 0);
}
