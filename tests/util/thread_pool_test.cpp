// SPDX-License-Identifier: MIT
#include "flops_fit/util/thread_pool.h"

#include "support/catch.h"

#include <stdexcept>
#include <vector>

using ff::ThreadPool;

TEST_CASE("a thread pool runs every task of every list once", "[util][threads]") {
  ThreadPool pool(4);
  for (int64_t count : {0, 1, 2, 3, 1000}) {
    for (int list = 0; list < 20; ++list) {
      std::vector<int64_t> runs(static_cast<size_t>(count));
      // Not atomic: each task has an element of its own, and run() returns after all of them.
      pool.run(count, [&](int64_t i, size_t) { ++runs[static_cast<size_t>(i)]; });
      CHECK(runs == std::vector<int64_t>(static_cast<size_t>(count), 1));
    }
  }
}

TEST_CASE("a thread pool hands on what a task throws, and serves the next list",
          "[util][threads]") {
  ThreadPool pool(3);
  for (int list = 0; list < 20; ++list) {
    CHECK_THROWS_AS(pool.run(50,
                             [](int64_t i, size_t) {
                               if (i % 7 == 3) {
                                 throw std::runtime_error("a task");
                               }
                             }),
                    std::runtime_error);
    std::vector<int> runs(50);
    pool.run(50, [&](int64_t i, size_t) { runs[static_cast<size_t>(i)] = 1; });
    CHECK(runs == std::vector<int>(50, 1));
  }
}

TEST_CASE("a thread pool that is not used ends at once", "[util][threads]") {
  for (int i = 0; i < 50; ++i) {
    const ThreadPool pool(4);
  }
}
