// SPDX-License-Identifier: MIT
#pragma once
// Where the tics of an axis stand and how they are labelled. Chosen here, not by gnuplot, so that
// an axis of less than a decade still gets labels, and all gnuplot versions draw the same picture.
#include "flops_fit/plot/figure.h"

#include <string>
#include <vector>

namespace ff::plot {

struct Tick {
  double value = 0.0;
  std::string label;  ///< markup; empty for a minor tic
};

struct Range {
  double low = 0.0;
  double high = 1.0;
};

/// The extent of a panel's data along x or y, with a margin. On a log axis values <= 0 are ignored.
[[nodiscard]] Range range_of(const Panel& panel, bool along_x);

/// Majors (labelled, at most about `max_labels`) and minors inside the range.
[[nodiscard]] std::vector<Tick> ticks(const Axis& axis, Range range, int max_labels);

}  // namespace ff::plot
