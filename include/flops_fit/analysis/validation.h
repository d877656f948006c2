// SPDX-License-Identifier: MIT
#pragma once
// Checks of a law against data that it has not seen.
#include "flops_fit/analysis/fits/registry.h"

#include <span>

namespace ff::analysis {

/// Leaves out each budget in turn, refits, and predicts it. Per budget: the predicted N and what
/// was observed (the full fit's own optimum; for a surface the parabola's vertex, which uses only
/// that budget's runs), and the relative error of the loss (for a surface the root mean square over
/// the budget's runs). Ends with the root mean squares over the budgets: rms_log_size, rms_loss.
[[nodiscard]] io::Json leave_one_budget_out(const EstimatorEntry& estimator,
                                            std::span<const Point> points,
                                            const Fit& fit,
                                            const FitOptions& options);

}  // namespace ff::analysis
