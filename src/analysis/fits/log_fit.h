// SPDX-License-Identifier: MIT
#pragma once
// What huber, lad and log_mse share: the surface in logarithms, from many starts, certified.
#include "flops_fit/analysis/fits/fit.h"
#include "flops_fit/analysis/log_surface.h"

#include <vector>

namespace ff::analysis {

/// Ends a fit in logarithms at the last of `deltas`, after minima at each of the earlier ones.
/// `objective` is the fit's own, reported in place of LogMinimum's.
struct LogObjective {
  std::vector<double> deltas;
  double (*objective)(const LogSurface& surface, const LogMinimum& minimum) = nullptr;
};

[[nodiscard]] Fit fit_in_logs(std::span<const Point> points,
                              const FitOptions& options,
                              const LogObjective& objective);

/// From the fit to all data, and without what only that reports.
[[nodiscard]] Fit refit_in_logs(std::span<const Point> points,
                                const FitOptions& options,
                                const LogObjective& objective,
                                const Fit& start);

/// The certificate of any end point, however it was found, against the best of `others`.
[[nodiscard]] Certificate certify(const LogSurface& surface,
                                  const LogMinimum& best,
                                  std::span<const LogMinimum> others,
                                  double delta);

}  // namespace ff::analysis
