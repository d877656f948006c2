// SPDX-License-Identifier: MIT
#pragma once
// What a sweep has done so far and how fast: the progress line, and the numbers of its end.
#include "worker_pool.h"

#include "flops_fit/util/progress.h"

#include <chrono>
#include <span>
#include <string>

namespace ff::run {

class SweepProgress {
 public:
  explicit SweepProgress(bool show) : line_(show) {}

  /// `total_cost`: of what is to be run; `peak_flops_per_s`: of all cores of the sweep together, 0
  /// = not known.
  void expect(double total_cost, double peak_flops_per_s) {
    total_cost_ = total_cost;
    peak_ = peak_flops_per_s;
  }
  /// A worker ended, after this much.
  void add(const Work& work) { done_ += work; }
  /// `counts`: "3/22"; `queued_cost`: of those not started.
  void show(const std::string& counts, double queued_cost, std::span<const Running> running);
  void clear() { line_.clear(); }

  [[nodiscard]] double elapsed_s() const;
  [[nodiscard]] double flops() const { return done_.flops; }
  /// Share of the peak at this rate; none if the peak is not known.
  [[nodiscard]] std::optional<double> share_of_peak(double flops_per_s) const;

 private:
  using Clock = std::chrono::steady_clock;

  Progress line_;
  double total_cost_ = 0.0;
  double peak_ = 0.0;
  Work done_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace ff::run
