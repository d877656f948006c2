// SPDX-License-Identifier: MIT
#pragma once
// Where everything of a picture stands. Computed here so that the legend, below the panels, can
// never cover data, and so that all formats and gnuplot versions agree. Lengths in points, origin
// at the lower left corner.
#include "theme.h"

#include "flops_fit/plot/figure.h"
#include "flops_fit/plot/ticks.h"

#include <vector>

namespace ff::plot {

struct Box {
  double left = 0.0, right = 0.0, bottom = 0.0, top = 0.0;
};

struct PanelPlace {
  Box box;
  double y_label_x = 0.0;  ///< middle of the rotated label
  Range x_range, y_range;
  std::vector<Tick> x_ticks, y_ticks;
};

struct LegendEntry {
  const Series* series = nullptr;
  double x = 0.0, y = 0.0;  ///< left end and middle of its sample
};

struct Layout {
  double width = 0.0, height = 0.0;
  double title_y = 0.0;
  double sample_width = 0.0;  ///< of legend entries
  std::vector<PanelPlace> panels;
  std::vector<LegendEntry> legend;  ///< one per distinct legend text, in order of appearance
  double legend_title_y = 0.0;
};

[[nodiscard]] Layout layout_of(const Figure& figure, const Theme& theme);

}  // namespace ff::plot
