// SPDX-License-Identifier: MIT
#pragma once
// What the figures share: sampled power laws, their interval bands, budgets and their colours.
#include "flops_fit/io/laws.h"
#include "flops_fit/plot/figure.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ff::plot {

/// `count` values from low to high with equal ratios, the ends exact.
[[nodiscard]] std::vector<double> log_space(double low, double high, int count);

/// The same budget may be written with different last digits by different programs.
[[nodiscard]] bool same_budget(double a, double b);

/// Place of the i-th of n budgets in the sequence of colours.
[[nodiscard]] double shade_of(size_t i, size_t n);

struct Extent {
  double low = 0.0;
  double high = 0.0;
};
/// Smallest and largest compute of the optimal points.
[[nodiscard]] std::optional<Extent> measured_extent(const io::ScalingLaws& laws);

/// y(C) of a law.
using Curve = std::function<double(double)>;

/// One 95% interval of a law's value, at a target.
struct Anchor {
  double compute = 0.0;
  io::Interval interval;
};

/// The 95% interval of ln y along a law y(C), a hyperbola around the middle of the data:
///   half(x)^2 = h0^2 + (h1 (x - x_mid))^2,   x = ln C.
/// k_ci and a_ci cannot be combined directly: k is the value at C = 1 FLOP, and the two are almost
/// perfectly anti-correlated. h0 therefore comes from the scatter of the optima about the law, and
/// h1 from the interval at the farthest target, or from a_ci where there is no target.
struct LawBand {
  double x_mid = 0.0;
  double h0 = 0.0;
  double h1_above_up = 0.0, h1_above_down = 0.0;  ///< beyond x_mid: upper and lower edge
  double h1_below_up = 0.0, h1_below_down = 0.0;  ///< before x_mid

  [[nodiscard]] io::Interval at(const Curve& law, double compute) const;
};

/// `exponent` and `exponent_ci` are those of a pure power law, none of another form. No band
/// without an exponent_ci or an anchor, or with fewer than two marks.
[[nodiscard]] std::optional<LawBand> law_band(const Curve& law,
                                              std::optional<double> exponent,
                                              const std::optional<io::Interval>& exponent_ci,
                                              const std::vector<double>& compute,
                                              const std::vector<double>& values,
                                              const std::vector<Anchor>& anchors);

/// What the runs themselves say about the optimum of a budget, to be held against the laws.
struct Mark {
  double compute = 0.0;
  double model_size = 0.0;
  double num_tokens = 0.0;
  double loss = 0.0;
  double log_size_stderr = 0.0;  ///< of ln model_size; 0 = unknown
};

struct Marks {
  std::vector<Mark> marks;
  std::string legend;
};

/// The recorded optimal points. If they come from a fitted surface they lie on its laws by
/// construction and are no evidence for them: then the vertices of the parabolas, where there are
/// any.
[[nodiscard]] Marks marks_of(const io::ScalingLaws& laws);

/// "95% interval", with the confidence that the analysis used.
[[nodiscard]] std::string interval_name(const io::ScalingLaws& laws);

}  // namespace ff::plot
