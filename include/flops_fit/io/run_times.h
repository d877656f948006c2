// SPDX-License-Identifier: MIT
#pragma once
// Predicted against actual time of the runs that were trained.
#include "flops_fit/io/results.h"
#include "flops_fit/io/sweep.h"

#include <span>
#include <string>
#include <vector>

namespace ff::io {

/// One completed run. Both times are seconds of one core, for its training and evaluation: a
/// result's times do not know the start of its process, so cost::kRunStartSeconds is taken off the
/// prediction.
struct RunTime {
  std::string experiment_id;
  double predicted_s = 0.0;
  double actual_s = 0.0;
};

/// The runs that were completed on the CPU and have a prediction, in the results' order. The
/// prediction stored with a result goes before the plan's, which may be a newer one; `sweep` may be
/// empty.
[[nodiscard]] std::vector<RunTime> run_times(std::span<const RunResult> results,
                                             std::span<const Experiment> sweep);

/// The sums over the runs; the id is empty.
[[nodiscard]] RunTime total_time(std::span<const RunTime> times);

}  // namespace ff::io
