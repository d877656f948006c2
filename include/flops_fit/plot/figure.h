// SPDX-License-Identifier: MIT
#pragma once
// A figure as data: what is drawn, not how. Builders (figures/) make them, renderers (gnuplot.h,
// report.h) draw them. Texts are in the small markup of plot/markup.h.
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ff::plot {

/// What a series means; each renderer maps it to colours, marks and line widths.
enum class Role {
  kRun,            ///< a measured run
  kFit,            ///< a curve fitted to runs of one budget
  kTrace,          ///< a thin connecting line, or one run's history
  kOptimum,        ///< the optimum of a budget
  kLaw,            ///< the fitted law, where there are data
  kExtrapolation,  ///< the fitted law, beyond the data
  kInterval,       ///< the 95% interval of the law
  kPrediction,     ///< the answer at a target budget
  kReference,      ///< a known number to compare with
};

enum class Shape {
  kPoints,      ///< marks at (x, y)
  kLine,        ///< a line through (x, y)
  kBand,        ///< the area between low and high over x
  kErrorsY,     ///< marks with bars from low to high in y
  kErrorsX,     ///< marks with bars from low to high in x
  kHorizontal,  ///< a line across the panel at y[0]
};

struct Series {
  std::string legend = {};  ///< empty: not in the legend. Equal texts share one entry.
  Role role = Role::kRun;
  Shape shape = Shape::kPoints;
  std::vector<double> x = {}, y = {};
  std::vector<double> low = {}, high = {};  ///< of bands and error bars; as long as x
  /// Place in an ordered sequence of colours (0 = first, 1 = last): budgets. None: the role's own.
  std::optional<double> shade = std::nullopt;
  std::string note = {};  ///< for the data file only, e.g. the run's identifier
};

/// How numbers on an axis are written.
enum class Numbers {
  kPlain,   ///< 0.25
  kCount,   ///< 20k, 3M
  kPowers,  ///< 3x10^11
};

struct Axis {
  std::string label;
  bool log = false;
  Numbers numbers = Numbers::kPlain;
};

struct Panel {
  std::string title;  ///< shown where several panels stand apart (the report)
  Axis x, y;
  std::vector<Series> series = {};  ///< drawn in this order
};

struct Figure {
  std::string name;  ///< of its files
  std::string title;
  std::string caption;  ///< how to read it, one or two sentences
  std::string legend_title = {};
  std::vector<Panel> panels = {};
};

/// Why a figure cannot be drawn from these data: an expected outcome, not an error.
struct NotDrawn {
  std::string reason;
};

using Drawing = std::variant<Figure, NotDrawn>;

}  // namespace ff::plot
