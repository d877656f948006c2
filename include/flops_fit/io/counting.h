// SPDX-License-Identifier: MIT
#pragma once
// By which of the ways of counting a plan's or result's numbers were made: its model size is the
// count matmul, total or non_embedding (model.count of ff-plan), its FLOPs are exact or 6 N D
// (compute.flops_formula). A law holds for one of each; three counts of N gave exponents of .37,
// .54 and .70 on the same runs.
#include "flops_fit/cost/transformer.h"
#include "flops_fit/io/results.h"
#include "flops_fit/io/sweep.h"

#include <cstdint>
#include <span>
#include <string>

namespace ff::io {

/// Whether they are the same but for sums of doubles in another order, or written with fewer
/// digits.
[[nodiscard]] bool same_number(double found, double expected, double tolerance = 1e-6);

/// What a token costs in training by each of the two formulas [FLOP].
struct TokenCost {
  double exact = 0.0;  ///< as counted from the architecture
  double six_n = 0.0;  ///< 6 model_size
};
[[nodiscard]] TokenCost token_cost(const cost::Architecture& arch, int64_t model_size);

/// Throws FileError, with `file` as the plan's name, at the first experiment that counts its model
/// size or its FLOPs otherwise than those before it: each would pass for itself, and the laws would
/// be of a mixture. Every experiment has passed check_consistent(); abstract sizes say nothing.
void check_one_way_of_counting(std::span<const Experiment> sweep, const std::string& file);

/// "matmul", "total" or "non_embedding"; empty where it cannot be told.
[[nodiscard]] std::string size_counted_as(const RunResult& result);
/// "exact" or "6nd": how actual_flops of a completed run were counted; empty where it cannot be
/// told.
[[nodiscard]] std::string flops_counted_as(const RunResult& result);

}  // namespace ff::io
