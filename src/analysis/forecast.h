// SPDX-License-Identifier: MIT
#pragma once
// What a predicted optimum means in practice: a shape to train, and how long that takes.
#include "flops_fit/analysis/config.h"
#include "flops_fit/analysis/runs.h"
#include "flops_fit/io/laws.h"

#include <span>

namespace ff::analysis {

/// Sets every prediction's architecture (of the trained shapes' family, or the planner's where the
/// runs carry none) and training times: on this machine, whose speed is measured for a moment as
/// ff-plan does, and on predict.hardware.
void forecast(io::ScalingLaws& laws, std::span<const Run> runs, const AnalyzerConfig& config);

}  // namespace ff::analysis
