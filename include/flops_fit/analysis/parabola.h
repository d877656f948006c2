// SPDX-License-Identifier: MIT
#pragma once
// Approach 2 of Hoffmann et al. 2022, one budget: L = c0 + c1 x + c2 x^2 in x = ln N.
#include "flops_fit/analysis/runs.h"

#include <span>
#include <string>

namespace ff::analysis {

struct Parabola {
  std::string status = "ok";  ///< or why there is no vertex; the rest then may be unset
  bool fitted = false;        ///< c0, c1, c2 are set (the vertex may still be unusable)
  double c0 = 0.0, c1 = 0.0, c2 = 0.0;
  double vertex_n = 0.0;
  double vertex_d = 0.0;  ///< on the line of ln D over ln N through the same runs
  double vertex_loss = 0.0;
  /// s.e. of the vertex's ln N by the delta method, per unit of the losses' standard deviation:
  /// multiply by that of one budget, or by a pooled one.
  double unit_stderr = 0.0;
  double sum_squares = 0.0;  ///< of the residuals [nats^2]
  double mean_loss = 0.0;    ///< of the runs used
  int used = 0;              ///< runs within the window
  int sizes = 0;             ///< different N among them
};

/// Fits the runs of one budget whose loss is at most `window_nats` above the lowest. Needs three
/// different sizes, positive curvature, and a vertex within the sizes used; else `status` says why.
[[nodiscard]] Parabola fit_parabola(std::span<const Point> runs, double window_nats);

}  // namespace ff::analysis
