// SPDX-License-Identifier: MIT
#pragma once
// What every estimator takes and gives.
#include "flops_fit/analysis/certificate.h"
#include "flops_fit/analysis/power_law.h"
#include "flops_fit/analysis/runs.h"
#include "flops_fit/analysis/surface.h"
#include "flops_fit/io/laws.h"

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ff::analysis {

struct FitOptions {
  double flops_per_nd = 6.0;  ///< cost convention of the surface's optimum
  double window_nats = 0.5;
  bool robust = false;
  bool enforce_monotonic = false;
  bool weight_vertices = true;
  /// quadratic: move each vertex back by what a parabola misses on this surface.
  std::optional<Surface> bias_surface;
  double huber_delta = 1e-3;
  int64_t starts = 256;      ///< of a parametric fit
  double tolerance = 1e-12;  ///< decrement (see LogMinimum) at which an optimizer stops
  int64_t envelope_bins = 1500;
  bool published_repeat_base = true;  ///< data_constrained: see fitting.repeat_base
};

[[nodiscard]] FitOptions fit_options(const FittingConfig& config, double flops_per_nd);

/// An estimator's answer: laws of the optimum over C, and what they rest on. A fit that failed is a
/// value too: `status` says why, and the laws are empty.
struct Fit {
  std::string status = "ok";
  std::optional<LogLine> n_law, d_law, l_law;  ///< N_opt, D_opt, L_opt over C; all or none
  std::vector<io::OptimalPoint> optima;        ///< per budget
  /// Only of parametric fits, and only where they converged. A surface at a bound or with a flat
  /// direction is shown, but has no laws.
  std::optional<Surface> surface;
  /// What a form has beyond the surface: name in scaling_laws.json and value.
  std::vector<std::pair<std::string, double>> extra;
  std::optional<double> objective;     ///< of a parametric fit
  std::optional<double> residual_rms;  ///< relative to the loss
  std::optional<double> r_squared;     ///< see io::Estimator
  int64_t num_points = 0;
  /// Replicates spread too widely by the factor 1 + excess_spread/runs, which intervals take out.
  double excess_spread = 0.0;
  bool weighted = false;  ///< quadratic: the vertices have weights
  std::optional<Certificate> certificate;
  std::vector<std::string> warnings;

  [[nodiscard]] bool usable() const { return status == "ok"; }
  /// Loss at the optimum of C: from the surface where there is one, else from l_law.
  [[nodiscard]] double loss_at(double compute, double flops_per_nd) const;
};

/// The three lines through `optima` (weights: one per optimum, or empty), into `fit`. Sets
/// fit.status if there are fewer than two.
void fit_laws(Fit& fit, std::span<const double> weights, const FitOptions& options);

/// Why the data cannot carry `parameters` of a surface in N and D; empty if they can.
[[nodiscard]] std::string surface_shortage(std::span<const Point> points, size_t parameters);

/// The surface, its residuals and, if `fit` is usable, its laws: exact power laws in N and D, and
/// the Python tool's straight line in L.
void set_surface(Fit& fit,
                 const Surface& surface,
                 std::span<const Point> points,
                 const FitOptions& options);

/// Starting exponents (alpha, beta): a square grid, log-spaced over [0.05, 1.5], of about `count`.
[[nodiscard]] std::vector<std::pair<double, double>> exponent_starts(int64_t count);

/// Bounds that a surface's exponents may not reach, in words; empty if they are inside.
[[nodiscard]] std::vector<std::string> exponent_bounds_hit(const Surface& surface);

}  // namespace ff::analysis
