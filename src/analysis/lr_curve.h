// SPDX-License-Identifier: MIT
#pragma once
// One width of an lr_transfer sweep: its points, its argmin, its vertex.
#include "flops_fit/io/lr_transfer.h"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace ff::analysis {

/// What became of the runs (seeds) at one width and learning rate.
struct LrCell {
  std::vector<double> losses;  ///< of the completed ones
  bool diverged = false;       ///< at least one did
};

struct LrWidth {
  int64_t model_size = 0;
  std::map<double, LrCell> cells;  ///< by learning rate
};

/// Everything of a curve but its regret.
[[nodiscard]] io::LrCurve make_curve(int64_t d_model, const LrWidth& width);

/// The loss of a completed width at x = log2(eta), by the parabola through the three points nearest
/// to x; none outside its points.
[[nodiscard]] std::optional<double> loss_at(const io::LrCurve& curve, double x);

}  // namespace ff::analysis
