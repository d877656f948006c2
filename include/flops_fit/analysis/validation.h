// SPDX-License-Identifier: MIT
#pragma once
// Checks of a law against data that it has not seen, and of how much hangs on single runs. Each
// function gives one estimator's section of `validation` in scaling_laws.json.
#include "flops_fit/analysis/fits/registry.h"

#include <span>
#include <string>
#include <vector>

namespace ff::analysis {

/// Leaves out each budget in turn, refits, and predicts it. Per budget: the predicted N and what
/// was observed (the full fit's own optimum; for a surface the parabola's vertex, which uses only
/// that budget's runs), and the relative error of the loss (for a surface the root mean square over
/// the budget's runs). Ends with the root mean squares over the budgets: rms_log_size, rms_loss.
[[nodiscard]] io::Json leave_one_budget_out(const EstimatorEntry& estimator,
                                            std::span<const Point> points,
                                            const Fit& fit,
                                            const FitOptions& options);

/// Where `rollout` cuts if it is not told: budgets with about 50, 65, 80 and 90% of the runs below.
[[nodiscard]] std::vector<double> rollout_cuts(std::span<const Point> points);

/// For each cut: fits the runs of budgets below it and predicts the others. mean_relative_error is
/// the mean of |predicted/observed - 1| over the losses of the runs above (a surface) or of their
/// budgets' optima (a line). A moving exponent_a is an uncertainty that no bootstrap sees.
[[nodiscard]] io::Json rollout(const EstimatorEntry& estimator,
                               std::span<const Point> points,
                               const Fit& fit,
                               const FitOptions& options,
                               std::span<const double> cuts);

/// Leaves out each run in turn. stderr_exponent_a is the jackknife's (Efron & Tibshirani 1993, ch.
/// 11); most_influential is the run without which N_opt(target) moves furthest. `ids` names the
/// points.
[[nodiscard]] io::Json jackknife(const EstimatorEntry& estimator,
                                 std::span<const Point> points,
                                 std::span<const std::string> ids,
                                 const Fit& fit,
                                 const FitOptions& options,
                                 double target);

}  // namespace ff::analysis
