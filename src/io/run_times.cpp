// SPDX-License-Identifier: MIT
#include "flops_fit/io/run_times.h"

#include "flops_fit/cost/run_time.h"

#include <map>
#include <string_view>

namespace ff::io {

std::vector<RunTime> run_times(std::span<const RunResult> results,
                               std::span<const Experiment> sweep) {
  std::map<std::string_view, double> planned_s;
  for (const Experiment& e : sweep) {
    planned_s.emplace(e.experiment_id, e.predicted_seconds);
  }
  std::vector<RunTime> times;
  for (const RunResult& result : results) {
    if (!result.completed() || result.device != "cpu" || result.wall_time_s <= 0) {
      continue;
    }
    double predicted_s = result.predicted_s.value_or(0.0);
    if (predicted_s <= 0) {
      const auto planned = planned_s.find(result.experiment_id);
      predicted_s = planned == planned_s.end() ? 0.0 : planned->second;
    }
    if (predicted_s > cost::kRunStartSeconds) {
      times.push_back({.experiment_id = result.experiment_id,
                       .predicted_s = predicted_s - cost::kRunStartSeconds,
                       .actual_s = result.core_s.value_or(result.wall_time_s)});
    }
  }
  return times;
}

RunTime total_time(std::span<const RunTime> times) {
  RunTime total;
  for (const RunTime& time : times) {
    total.predicted_s += time.predicted_s;
    total.actual_s += time.actual_s;
  }
  return total;
}

}  // namespace ff::io
