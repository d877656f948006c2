// SPDX-License-Identifier: MIT
#include "flops_fit/cost/run_time.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <vector>

namespace ff::cost {

double run_seconds(int64_t train_tokens, int64_t evaluated_tokens, const TokenSeconds& speed) {
  if (speed.train <= 0.0) {
    return 0.0;
  }
  return kRunStartSeconds + static_cast<double>(train_tokens) * speed.train +
         static_cast<double>(evaluated_tokens) * speed.evaluate;
}

double sweep_seconds(std::span<const double> run_seconds, int64_t cores) {
  std::vector<double> longest_first(run_seconds.begin(), run_seconds.end());
  std::sort(longest_first.begin(), longest_first.end(), std::greater<>());
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (int64_t core = 0; core < std::max<int64_t>(1, cores); ++core) {
    free_at.push(0.0);
  }
  double end = 0.0;
  for (const double seconds : longest_first) {
    const double done = free_at.top() + seconds;
    free_at.pop();
    free_at.push(done);
    end = std::max(end, done);
  }
  return end;
}

}  // namespace ff::cost
