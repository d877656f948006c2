// SPDX-License-Identifier: MIT
#pragma once
// What the figures share: sampled power laws, their interval bands, budgets and their colours.
#include "flops_fit/io/laws.h"
#include "flops_fit/plot/figure.h"

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

/// One 95% interval of a law's value, at a target.
struct Anchor {
  double compute = 0.0;
  io::Interval interval;
};

/// The 95% interval of ln y along a power law y(C), a hyperbola around the middle of the data:
///   half(x)^2 = h0^2 + (h1 (x - x_mid))^2,   x = ln C.
/// k_ci and a_ci cannot be combined directly: k is the value at C = 1 FLOP, and the two are almost
/// perfectly anti-correlated. h0 therefore comes from the scatter of the optima about the law, and
/// h1 from the interval at the farthest target, or from a_ci where there is no target.
struct LawBand {
  double x_mid = 0.0;
  double h0 = 0.0;
  double h1_above_up = 0.0, h1_above_down = 0.0;  ///< beyond x_mid: upper and lower edge
  double h1_below_up = 0.0, h1_below_down = 0.0;  ///< before x_mid

  [[nodiscard]] io::Interval at(const io::PowerLaw& law, double compute) const;
};

/// None if the law has no a_ci and no anchor, or fewer than two optima are given.
[[nodiscard]] std::optional<LawBand> law_band(const io::PowerLaw& law,
                                              const std::vector<double>& compute,
                                              const std::vector<double>& values,
                                              const std::vector<Anchor>& anchors);

}  // namespace ff::plot
