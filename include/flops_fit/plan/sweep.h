// SPDX-License-Identifier: MIT
#pragma once
// Lays out a sweep. Pure: configuration in, experiments out. sweep.kind chooses between
//   isoflop      for each compute budget C several model sizes N, each trained on the D tokens that
//                spend C
//   lr_transfer  several widths, each trained at several learning rates on the same batches
#include "flops_fit/engine/speed.h"
#include "flops_fit/io/sweep.h"
#include "flops_fit/plan/config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ff::plan {

/// What the predicted times rest on.
struct PredictionBasis {
  int64_t cores_measured = 0;    ///< at once
  int64_t models_measured = 0;   ///< now; the others were known
  int64_t models_estimated = 0;  ///< from their neighbours' speed
};

struct Plan {
  std::vector<io::Experiment> experiments;
  std::vector<std::string> warnings;
  std::optional<PredictionBasis> prediction = std::nullopt;  ///< none: no predicted times
};

/// The budgets of the plan, ascending. Throws ConfigError.
[[nodiscard]] std::vector<double> make_budgets(const ComputeGrid& grid);

/// The expected compute-optimal size at a budget. Throws ConfigError, FileError (prior.laws).
[[nodiscard]] double expected_optimum(double budget_flops, const PriorConfig& prior);

/// The whole plan, without predicted times (plan/predict.h). Throws ConfigError when it is
/// impossible (contradicting limits, a budget without any size, runs of too few steps), saying
/// which rule and what to change.
[[nodiscard]] Plan make_plan(const PlanConfig& config);

/// The table, totals and predicted time, for people.
[[nodiscard]] std::string describe(const Plan& plan, const PlanConfig& config);

struct RunPlanOptions {
  bool as_json = false;
  int64_t evaluation_tokens = 0;  ///< scored tokens of a run's evaluation, as ff-train has them
  /// How speeds are found unless hardware.predict_time=off; `threads` is set here.
  engine::SpeedOptions speed = {};
};

/// The whole of ff-plan: make the plan, predict its time, write it to output.sweep_path, return the
/// table (or the experiments as JSON).
[[nodiscard]] std::string run_plan(const PlanConfig& config, const RunPlanOptions& options);

}  // namespace ff::plan
