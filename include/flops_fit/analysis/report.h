// SPDX-License-Identifier: MIT
#pragma once
// Scaling laws as text for stdout and as Markdown for report.md: law, predictions with ranges,
// estimators side by side, certificates, doubts, checks, budgets, warnings.
#include "flops_fit/analysis/optimal_configs.h"
#include "flops_fit/io/laws.h"

#include <string>
#include <vector>

namespace ff::analysis {

/// What a researcher wants first, on lines of at most about 160 characters; tables of more than 15
/// rows are for report.md. `configs` may be empty.
[[nodiscard]] std::string report(const io::ScalingLaws& laws,
                                 const std::vector<OptimalConfig>& configs);

/// Everything.
[[nodiscard]] std::string markdown_report(const io::ScalingLaws& laws,
                                          const std::vector<OptimalConfig>& configs);

/// About six lines: the law, and the optimum predicted for each target.
[[nodiscard]] std::string summary(const io::ScalingLaws& laws);

}  // namespace ff::analysis
