// SPDX-License-Identifier: MIT
#include "layout.h"

#include "flops_fit/plot/markup.h"

#include <algorithm>
#include <cmath>

namespace ff::plot {
namespace {

// In units of the font size.
constexpr double kLine = 1.45;         // height of a legend row
constexpr double kEdge = 0.6;          // free space at the picture's edges
constexpr double kXLabels = 3.5;       // tic labels and label below a panel
constexpr double kYLabel = 1.5;        // height of the rotated label
constexpr double kTickGap = 0.9;       // from a tic label to its axis
constexpr double kSample = 1.9;        // width of a legend sample
constexpr double kSampleGap = 0.5;     // from the sample to its text
constexpr double kColumnGap = 1.4;     // between legend columns
constexpr double kPanelGap = 1.1;      // between a panel and the next one's label
constexpr double kLabelSpacing = 1.9;  // least space between tic labels along an axis

std::vector<const Series*> legend_series(const Figure& figure) {
  std::vector<const Series*> out;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      if (!series.legend.empty() && std::none_of(out.begin(), out.end(), [&](const Series* other) {
            return other->legend == series.legend;
          })) {
        out.push_back(&series);
      }
    }
  }
  return out;
}

double widest_label(const std::vector<Tick>& list) {
  double width = 0.0;
  for (const Tick& tick : list) {
    width = std::max(width, text_width(tick.label));
  }
  return width;
}

/// As many labels as fit side by side in `length` points.
std::vector<Tick> fitting_ticks(const Axis& axis, Range range, double length, double font) {
  std::vector<Tick> list;
  for (int count = 7; count >= 2; --count) {
    list = ticks(axis, range, count);
    const auto labels = static_cast<double>(std::count_if(
        list.begin(), list.end(), [](const Tick& tick) { return !tick.label.empty(); }));
    if (labels * (widest_label(list) + 0.5 * kLabelSpacing) * font <= length) {
      break;
    }
  }
  return list;
}

}  // namespace

Layout layout_of(const Figure& figure, const Theme& theme) {
  const double font = theme.font;
  const size_t count = std::max<size_t>(1, figure.panels.size());
  Layout out;
  out.width = count > 1 ? theme.multi_width : theme.single_width;
  const double panel_height = count > 1 ? theme.multi_panel_height : theme.single_panel_height;

  // The legend: equal columns, as many as fit, then as few as the number of rows needs.
  const std::vector<const Series*> entries = legend_series(figure);
  double text = 0.0;
  for (const Series* entry : entries) {
    text = std::max(text, text_width(entry->legend));
  }
  const double column = (kSample + kSampleGap + text + kColumnGap) * font;
  const double free_width = out.width - 2 * kEdge * font + kColumnGap * font;
  const auto most = std::max<size_t>(1, static_cast<size_t>(free_width / column));
  const size_t rows = entries.empty() ? 0 : (entries.size() + most - 1) / most;
  const size_t columns = rows == 0 ? 0 : (entries.size() + rows - 1) / rows;
  const bool has_title = rows > 0 && !figure.legend_title.empty();
  const double legend_height = static_cast<double>(rows + (has_title ? 1 : 0)) * kLine * font;

  const double bottom =
      kEdge * font + legend_height + (rows > 0 ? 0.5 : 0.0) * font + kXLabels * font;
  const double top = (kEdge + 0.2 + (theme.title ? 2.2 : 0.0)) * font;
  out.height = bottom + panel_height + top;
  out.title_y = out.height - 1.5 * font;
  out.sample_width = kSample * font;

  const double legend_width = static_cast<double>(columns) * column - kColumnGap * font;
  double row_y = kEdge * font + legend_height - 0.5 * kLine * font;
  if (has_title) {
    out.legend_title_y = row_y;
    row_y -= kLine * font;
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    out.legend.push_back(
        {entries[i],
         (out.width - legend_width) / 2 + static_cast<double>(i % columns) * column,
         row_y - static_cast<double>(i / columns) * kLine * font});
  }

  // Panels share the width that the labels leave, so that their boxes are equally wide.
  double left_margins = 0.0;
  for (const Panel& panel : figure.panels) {
    PanelPlace place;
    place.x_range = range_of(panel, true);
    place.y_range = range_of(panel, false);
    const int y_labels = std::max(3, static_cast<int>(panel_height / (2.2 * kLabelSpacing * font)));
    place.y_ticks = ticks(panel.y, place.y_range, std::min(7, y_labels));
    place.box.left = (kYLabel + 0.3 + widest_label(place.y_ticks) + kTickGap) * font;  // so far
    left_margins += place.box.left;
    out.panels.push_back(std::move(place));
  }
  const double gaps = static_cast<double>(count - 1) * kPanelGap * font;
  const double box_width =
      (out.width - left_margins - gaps - (2 * kEdge + 0.6) * font) / static_cast<double>(count);
  double x = kEdge * font;
  for (size_t i = 0; i < out.panels.size(); ++i) {
    PanelPlace& place = out.panels[i];
    place.y_label_x = x + 0.5 * kYLabel * font;
    const double left = x + place.box.left;
    place.box = {left, left + box_width, bottom, bottom + panel_height};
    place.x_ticks = fitting_ticks(figure.panels[i].x, place.x_range, box_width, font);
    x = place.box.right + kPanelGap * font;
  }
  return out;
}

}  // namespace ff::plot
