// SPDX-License-Identifier: MIT
#pragma once
// Threads that are wanted but not needed: where the system gives no more of them (ulimit -u, the
// limit of a container), work goes on with those that there are, and a warning says so once.
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace ff {

/// Starts work(0) ... work(count - 1), each on a thread of its own, up to the first thread that the
/// system refuses. `work` must not throw.
[[nodiscard]] std::vector<std::thread> start_threads(int64_t count,
                                                     const std::function<void(int64_t)>& work);

/// Runs work(0) ... work(n - 1), all at once, each on a thread of its own (0: the caller's), and
/// waits for them; n is `count`, or fewer where the system refuses. Before any begins, ready(n) is
/// called: a barrier has to know n. `work` must not throw.
void run_at_once(int64_t count,
                 const std::function<void(int64_t)>& ready,
                 const std::function<void(int64_t)>& work);

/// How many of `wanted` threads there would be at once, the caller's among them.
[[nodiscard]] int64_t startable_threads(int64_t wanted);

}  // namespace ff
