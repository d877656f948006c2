// SPDX-License-Identifier: MIT
#pragma once
// Lays out an lr_transfer sweep: every width of sweep.widths at every learning rate of
// sweep.log2_learning_rates, all on the same tokens, batches and seeds.
#include "flops_fit/plan/config.h"
#include "flops_fit/plan/sweep.h"

namespace ff::plan {

/// Widths ascending, then learning rates ascending, then seeds. Throws ConfigError.
[[nodiscard]] Plan make_lr_transfer_plan(const PlanConfig& config);

/// Throws ConfigError if a key was changed that has no effect on the kind of sweep chosen.
void check_sweep_keys(const PlanConfig& config);

}  // namespace ff::plan
