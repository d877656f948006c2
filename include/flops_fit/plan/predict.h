// SPDX-License-Identifier: MIT
#pragma once
// How long a plan will take on this machine: every run's tokens times the seconds per token that
// engine/speed.h measures or knows from earlier.
#include "flops_fit/engine/speed.h"
#include "flops_fit/plan/config.h"
#include "flops_fit/plan/sweep.h"

#include <cstdint>
#include <string>

namespace ff::plan {

/// Sets predicted_seconds of every experiment that has a shape, and plan.prediction. The runs are
/// taken to be u-mup's, evaluated once on `evaluation_tokens` scored tokens: ff-train's keys are
/// not ff-plan's to know.
void predict_times(Plan& plan,
                   const PlanConfig& config,
                   int64_t evaluation_tokens,
                   const engine::SpeedOptions& options);

/// Tokens that an evaluation on `scored_tokens` goes through: whole rows, of which zipf-stories
/// scores only the whole stories.
[[nodiscard]] int64_t evaluated_tokens(const data::DatasetConfig& dataset, int64_t scored_tokens);

/// Cores that ff-train will train on: hardware.num_threads, or all that this process may use.
[[nodiscard]] int64_t training_cores(const PlanConfig& config);

}  // namespace ff::plan
