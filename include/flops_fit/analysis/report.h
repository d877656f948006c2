// SPDX-License-Identifier: MIT
#pragma once
// Scaling laws as text, for stdout.
#include "flops_fit/analysis/optimal_configs.h"
#include "flops_fit/io/laws.h"

#include <string>
#include <vector>

namespace ff::analysis {

/// Tables: optima per budget, estimators side by side with intervals, predictions, hold-out errors,
/// `configs` (may be empty), warnings.
[[nodiscard]] std::string report(const io::ScalingLaws& laws,
                                 const std::vector<OptimalConfig>& configs);

/// About six lines: the law, and the optimum predicted for each target.
[[nodiscard]] std::string summary(const io::ScalingLaws& laws);

}  // namespace ff::analysis
