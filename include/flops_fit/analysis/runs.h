// SPDX-License-Identifier: MIT
#pragma once
// From runs to the points that are fitted: completed, sane, unique runs, binned into
// IsoFLOP budgets once, so that every table and every fit sees the same budgets.
#include "flops_fit/analysis/config.h"
#include "flops_fit/io/results.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::analysis {

/// One training run, from whatever file. Counts are not whole numbers everywhere: published tables
/// carry fractions, and people write parameters in billions. NaN: the file has none.
struct Run {
  std::string id;
  std::string status = "completed";
  double n = 0.0;       ///< parameters
  double d = 0.0;       ///< tokens
  double loss = 0.0;    ///< [nats/token]
  double flops = 0.0;   ///< spent; 0: unknown
  double budget = 0.0;  ///< C of its IsoFLOP budget; what it spent, or 6ND, where none is given
  std::optional<double> n_total, n_matmul, n_non_embedding;  ///< other counts of its parameters
  std::optional<double> unique_tokens;                       ///< none: every token new
  std::optional<io::RunResult> result;  ///< where it is one of our (or the Python tool's) results

  [[nodiscard]] bool completed() const { return status == "completed"; }
};

[[nodiscard]] std::vector<Run> runs_from(std::span<const io::RunResult> results);

struct Curve;  // input.h

/// One run, as the estimators see it. Equal `budget` means: of the same IsoFLOP budget.
struct Point {
  double budget = 0.0;           ///< C of its budget [FLOP]
  double n = 0.0;                ///< parameters
  double d = 0.0;                ///< tokens
  double loss = 0.0;             ///< [nats/token]
  double unique_tokens = 0.0;    ///< 0: unknown, every token new
  const Curve* curve = nullptr;  ///< its training curve, if there is one; the input owns it
};

struct Dataset {
  std::vector<Point> points;    ///< sorted by budget, then N
  std::vector<Run> runs;        ///< the run behind each point
  std::vector<double> budgets;  ///< ascending
  /// Median of C/(N D), with the exact FLOPs of a run where it has them. 6 for C = 6ND; above it
  /// where attention counts. Laws are in this convention: C = flops_per_nd * N * D.
  double flops_per_nd = 6.0;
  std::optional<double> floor_nats;  ///< median known entropy floor
  std::vector<std::string> warnings;
};

/// Leaves out failed runs, non-positive or non-finite ones, runs worse than guessing (loss above
/// 1.05 ln vocab_size), and all but the last completed run of an id; each with a warning. Runs of
/// different ids and equal N are seeds, and all kept. Throws TooLittleDataError if nothing is left
/// or there are fewer than two budgets.
[[nodiscard]] Dataset prepare_runs(std::span<const Run> runs, const InputConfig& config);
[[nodiscard]] Dataset prepare_runs(std::span<const io::RunResult> results,
                                   const InputConfig& config);

/// The points of each budget, in order. `points` must be sorted by budget.
[[nodiscard]] std::vector<std::span<const Point>> by_budget(std::span<const Point> points);

/// Number of different N among `points`.
[[nodiscard]] int distinct_sizes(std::span<const Point> points);

}  // namespace ff::analysis
