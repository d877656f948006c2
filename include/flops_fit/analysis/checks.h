// SPDX-License-Identifier: MIT
#pragma once
// What could be wrong with the data or the law, one line each, with the numbers.
#include "flops_fit/analysis/runs.h"
#include "flops_fit/io/laws.h"
#include "flops_fit/io/results.h"

#include <span>
#include <string>
#include <vector>

namespace ff::analysis {

/// Targets further beyond the largest budget than this are marked.
inline constexpr double kMaxExtrapolation = 100.0;

/// The design and the runs: minima at the edge of the sizes, budgets with fewer than three sizes,
/// check_origin(), losses below the known floor, FLOPs far off the budget, and
/// check_units().
[[nodiscard]] std::vector<std::string> check_data(const Dataset& data);

/// What the results are of, where that is not one thing: versions and builds of flops-fit, engines,
/// dtypes, kinds of device, counts of N and of FLOPs, hosts, each with its groups and their sizes.
/// (Different corpora are refused: input.allow_mixed_data.)
[[nodiscard]] std::vector<std::string> check_origin(std::span<const io::RunResult* const> results);

/// What the numbers say about how they were counted: FLOPs of the forward pass alone or in other
/// units, losses in bits, rows that stand twice.
[[nodiscard]] std::vector<std::string> check_units(const Dataset& data);

/// C/(N D) so far from 6 that check_units() warns of it.
[[nodiscard]] bool is_odd_cost(double flops_per_nd);

/// The headline's laws: R^2 below the minimum, exponent outside the expected band, predictions
/// further than 100 times the largest budget. `config` gives the limits.
[[nodiscard]] std::vector<std::string> check_laws(const io::ScalingLaws& laws,
                                                  const AnalyzerConfig& config);

}  // namespace ff::analysis
