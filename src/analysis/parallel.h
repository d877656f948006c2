// SPDX-License-Identifier: MIT
#pragma once
// Independent work on all cores that this process has.
#include <cstdint>
#include <functional>

namespace ff::analysis {

/// Calls `task(i)` for i = 0 .. count-1, each once, on as many threads as there are usable cores
/// (or `threads`, if that is not 0). The tasks must not care in which order.
void parallel_for(int64_t count, const std::function<void(int64_t)>& task, int64_t threads = 0);

}  // namespace ff::analysis
