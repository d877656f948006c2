// SPDX-License-Identifier: MIT
// Approach 1 of Hoffmann et al. 2022: at log-spaced FLOP counts the run whose training curve is
// lowest there gives N and D, and lines in log-log go through them. Between checkpoints the loss is
// interpolated linearly in ln C. A curve inside a decaying schedule lies above what a run that ends
// there would reach, so that small counts are biased; the final losses of the runs are not used.
#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/analysis/input.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace ff::analysis {
namespace {

struct Best {
  double loss = std::numeric_limits<double>::infinity();
  double n = 0.0, d = 0.0;
};

/// Lowers `best` wherever the curve is below it. log_c is ascending.
void lower(std::vector<Best>& best, const std::vector<double>& log_c, const Curve& curve) {
  size_t bin = 0;
  for (size_t i = 1; i < curve.points.size(); ++i) {
    const CurvePoint &left = curve.points[i - 1], &right = curve.points[i];
    const double from = std::log(left.flops), to = std::log(right.flops);
    while (bin < log_c.size() && log_c[bin] < from) {
      ++bin;
    }
    for (; bin < log_c.size() && log_c[bin] <= to && to > from; ++bin) {
      const double part = (log_c[bin] - from) / (to - from);
      const double loss = left.loss + part * (right.loss - left.loss);
      if (loss < best[bin].loss) {
        const double d = std::exp(std::log(left.d) + part * std::log(right.d / left.d));
        best[bin] = {.loss = loss, .n = curve.n, .d = d};
      }
    }
  }
}

}  // namespace

Fit fit_envelope(std::span<const Point> points, const FitOptions& options) {
  Fit fit;
  std::set<const Curve*> curves;  // once each: a resampled run's curve is as low as before
  std::set<double> sizes;
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const Point& point : points) {
    if (point.curve != nullptr && !point.curve->points.empty()) {
      curves.insert(point.curve);
      sizes.insert(point.n);
      low = std::min(low, point.curve->points.front().flops);
      high = std::max(high, point.curve->points.back().flops);
    }
  }
  if (sizes.size() < 3) {
    fit.status = fmt::format(
        "training curves of {} sizes; it needs 3 (metrics.jsonl of the runs, or "
        "paths.trajectories)",
        sizes.size());
    return fit;
  }
  const auto bins = static_cast<size_t>(options.envelope_bins);
  std::vector<double> log_c;
  for (size_t i = 0; i < bins; ++i) {
    log_c.push_back(std::log(low) +
                    std::log(high / low) * static_cast<double>(i) / static_cast<double>(bins - 1));
  }
  std::vector<Best> best(bins);
  for (const Curve* curve : curves) {
    lower(best, log_c, *curve);
  }
  for (size_t i = 0; i < bins; ++i) {
    if (best[i].n > 0) {
      fit.optima.push_back({.compute_budget = std::exp(log_c[i]),
                            .model_size = best[i].n,
                            .num_tokens = best[i].d,
                            .final_loss = best[i].loss});
    }
  }
  fit_laws(fit, {}, options);
  fit.num_points = static_cast<int64_t>(curves.size());
  return fit;
}

Fit refit_envelope(std::span<const Point> points, const FitOptions& options, const Fit&) {
  return fit_envelope(points, options);
}

}  // namespace ff::analysis
