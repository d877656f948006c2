// SPDX-License-Identifier: MIT
#include "parallel.h"

#include "flops_fit/util/cores.h"
#include "flops_fit/util/thread_pool.h"

#include <algorithm>

namespace ff::analysis {

void parallel_for(int64_t count, const std::function<void(int64_t)>& task, int64_t threads) {
  const auto cores = static_cast<int64_t>(usable_cores().size());
  ThreadPool pool(
      std::clamp<int64_t>(threads > 0 ? threads : cores, 1, std::max<int64_t>(count, 1)));
  pool.run(count, [&task](int64_t i, size_t) { task(i); });
}

}  // namespace ff::analysis
