// SPDX-License-Identifier: MIT
#pragma once
// What every estimator takes and gives.
#include "flops_fit/analysis/power_law.h"
#include "flops_fit/analysis/runs.h"
#include "flops_fit/analysis/surface.h"
#include "flops_fit/io/laws.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::analysis {

struct FitOptions {
  double flops_per_nd = 6.0;  ///< cost convention of the surface's optimum
  double window_nats = 0.5;
  bool robust = false;
  bool enforce_monotonic = false;
  bool weight_vertices = true;
};

[[nodiscard]] inline FitOptions fit_options(const FittingConfig& config, double flops_per_nd) {
  return {.flops_per_nd = flops_per_nd,
          .window_nats = config.window_nats,
          .robust = config.robust,
          .enforce_monotonic = config.enforce_monotonic,
          .weight_vertices = config.weight_vertices};
}

/// An estimator's answer: laws of the optimum over C, and what they rest on. A fit that failed is a
/// value too: `status` says why, and the laws are empty.
struct Fit {
  std::string status = "ok";
  std::optional<LogLine> n_law, d_law, l_law;  ///< N_opt, D_opt, L_opt over C; all or none
  std::vector<io::OptimalPoint> optima;        ///< per budget
  std::optional<Surface> surface;              ///< only of parametric fits
  std::optional<double> residual_rms;          ///< relative to the loss
  std::optional<double> r_squared;             ///< see io::Estimator
  int64_t num_points = 0;
  io::Json certificate = io::Json::object();
  std::vector<std::string> warnings;

  [[nodiscard]] bool usable() const { return status == "ok"; }
  /// Loss at the optimum of C: from the surface where there is one, else from l_law.
  [[nodiscard]] double loss_at(double compute, double flops_per_nd) const;
};

/// The three lines through `optima` (weights: one per optimum, or empty), into `fit`. Sets
/// fit.status if there are fewer than two.
void fit_laws(Fit& fit, std::span<const double> weights, const FitOptions& options);

}  // namespace ff::analysis
