// SPDX-License-Identifier: MIT
#pragma once
// How far approach 2 misses on a surface, without any noise: a parabola through samples of a curve
// that is none has its vertex beside the minimum. With w_i = log10(N_i/N_opt) of a budget's runs
// and
//   L_w = (beta/alpha) 10^(-alpha w) + 10^(beta w)     (the loss above E, up to a factor)
// the parabola's vertex lies at dw, in closed form by least squares, and N_opt comes out 10^dw too
// large. It depends on alpha, beta and the positions alone.
#include "flops_fit/analysis/fits/fit.h"

#include <optional>
#include <span>
#include <vector>

namespace ff::analysis {

/// What the vertex through a budget's runs (those within the window) is to be multiplied with, N
/// and D, to lie at the surface's optimum; 1 where no parabola goes through.
struct VertexCorrection {
  double n = 1.0, d = 1.0;
};
[[nodiscard]] VertexCorrection vertex_correction(const Surface& surface,
                                                 std::span<const Point> budget,
                                                 double window_nats);

/// dw: log10 of what N_opt is multiplied with by a parabola through runs at `positions` = log10 of
/// N over the true optimum. Empty if the parabola has no minimum.
[[nodiscard]] std::optional<double> vertex_shift(double alpha,
                                                 double beta,
                                                 std::span<const double> positions);

struct BudgetBias {
  double budget = 0.0;
  double n_factor = 1.0;  ///< vertex over the surface's optimum
};

struct ParabolaBias {
  std::vector<BudgetBias> budgets;  ///< those with a vertex
  double exponent_a = 0.0;          ///< of the line through the vertices, minus the surface's
  /// For each target: N of that line over the surface's optimum. Wider extrapolation, more bias.
  std::vector<double> n_factors;
};

/// The quadratic estimator on the surface's own losses at the sizes of `points`, every budget at
/// one N D, with its window and weights as on the real ones.
[[nodiscard]] std::optional<ParabolaBias> parabola_bias(const Surface& surface,
                                                        std::span<const Point> points,
                                                        const FitOptions& options,
                                                        std::span<const double> targets);

}  // namespace ff::analysis
