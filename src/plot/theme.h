// SPDX-License-Identifier: MIT
#pragma once
// How roles look, and the sizes of each medium. Lengths in points (1/72 in) unless said otherwise.
#include "flops_fit/plot/figure.h"
#include "flops_fit/plot/gnuplot.h"

#include <string>

namespace ff::plot {

struct Theme {
  double font = 7.0;
  double single_width = 3.3 * 72;  ///< of a picture with one panel
  double multi_width = 7.0 * 72;   ///< of a picture with several
  double single_panel_height = 2.1 * 72;
  double multi_panel_height = 1.85 * 72;
  double mark = 0.62;   ///< scale of marks
  double stroke = 1.0;  ///< scale of line widths
  bool title = false;
};
[[nodiscard]] Theme theme_of(Medium medium);

struct Look {
  std::string colour;      ///< "#rrggbb"
  double width = 1.0;      ///< of lines
  std::string dash = "solid";  ///< gnuplot dashtype; no number: users define those anew
  int mark = 7;            ///< gnuplot pointtype
  double mark_size = 1.0;
  double opacity = 1.0;  ///< of areas
};
[[nodiscard]] Look look_of(const Series& series);

/// viridis without its bright end, which is too pale on white paper. 0 <= place <= 1.
[[nodiscard]] std::string sequence_colour(double place);

}  // namespace ff::plot
