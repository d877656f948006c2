// SPDX-License-Identifier: MIT
#pragma once
// What could be wrong with the data or the law, one line each, with the numbers.
#include "flops_fit/analysis/runs.h"
#include "flops_fit/io/laws.h"

#include <string>
#include <vector>

namespace ff::analysis {

/// The design and the runs: minima at the edge of the sizes, budgets with fewer than three sizes,
/// mixed dtypes and devices, losses below the known floor, FLOPs far off the budget.
[[nodiscard]] std::vector<std::string> check_data(const Dataset& data);

/// The headline's laws: R^2 below the minimum, exponent outside the expected band, predictions
/// further than 100 times the largest budget. `config` gives the limits.
[[nodiscard]] std::vector<std::string> check_laws(const io::ScalingLaws& laws,
                                                  const AnalyzerConfig& config);

}  // namespace ff::analysis
