// SPDX-License-Identifier: MIT
#pragma once
// Lays out a sweep. Pure: configuration in, experiments out. sweep.kind chooses between
//   isoflop      for each compute budget C several model sizes N, each trained on the D tokens that
//                spend C
//   lr_transfer  several widths, each trained at several learning rates on the same batches
#include "flops_fit/io/sweep.h"
#include "flops_fit/plan/config.h"

#include <string>
#include <vector>

namespace ff::plan {

struct Plan {
  std::vector<io::Experiment> experiments;
  std::vector<std::string> warnings;
};

/// The budgets of the plan, ascending. Throws ConfigError.
[[nodiscard]] std::vector<double> make_budgets(const ComputeGrid& grid);

/// The expected compute-optimal size at a budget. Throws ConfigError, FileError (prior.laws).
[[nodiscard]] double expected_optimum(double budget_flops, const PriorConfig& prior);

/// The whole plan. Throws ConfigError when it is impossible (contradicting limits, a budget without
/// any size, runs of too few steps), saying which rule and what to change.
[[nodiscard]] Plan make_plan(const PlanConfig& config);

/// The table, totals and predicted time, for people.
[[nodiscard]] std::string describe(const Plan& plan, const PlanConfig& config);

/// The whole of ff-plan: make the plan, write it to output.sweep_path, return the table (or, with
/// `as_json`, the experiments as JSON).
[[nodiscard]] std::string run_plan(const PlanConfig& config, bool as_json);

}  // namespace ff::plan
