// SPDX-License-Identifier: MIT
#pragma once
// Time in a run, and what it spent of the machine: time on two cores counts twice. A steady clock:
// somebody may set the machine's back.
#include "flops_fit/train/checkpoint.h"

#include <chrono>
#include <cstdint>

namespace ff::train {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class RunClock {
 public:
  explicit RunClock(const LoopCounters& before)
      : wall_before_(before.wall_s), core_s_(before.core_s) {}

  void set_cores(int64_t cores) {
    core_s_ += static_cast<double>(cores_) * seconds_since(since_);
    since_ = Clock::now();
    cores_ = cores;
  }
  [[nodiscard]] double wall_s() const { return wall_before_ + seconds_since(start_); }
  [[nodiscard]] double core_s() const {
    return core_s_ + static_cast<double>(cores_) * seconds_since(since_);
  }

 private:
  double wall_before_;
  double core_s_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point since_ = start_;
  int64_t cores_ = 1;
};

}  // namespace ff::train
