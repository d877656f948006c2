// SPDX-License-Identifier: MIT
#pragma once
// Variable projection (Golub & Pereyra 1973) for L = E + A/N^alpha + B/D^beta: for given exponents
// the best E, A, B >= 0 are a linear least-squares problem, so the search is over two numbers.
//   f(alpha, beta) = min_{E,A,B >= 0} sum_i (L_i - E - A N_i^-alpha - B D_i^-beta)^2
// ln N and ln D are centred: A and B are then losses at the middle of the data instead of
// extrapolations to N = D = 1, and the condition number falls from 4e6 to about 1e3.
#include "flops_fit/analysis/runs.h"
#include "flops_fit/analysis/surface.h"

#include <limits>
#include <memory>
#include <optional>
#include <span>

namespace ff::analysis {

inline constexpr double kMinExponent = 0.01;
inline constexpr double kMaxExponent = 3.0;

struct Exponents {
  double alpha = 0.0;
  double beta = 0.0;
};

/// A local minimum of f.
struct ProjectedFit {
  Surface surface;
  double sum_squares = 0.0;  ///< f [nats^2]
  double gradient = 0.0;     ///< norm of df/d(alpha, beta) over total_squares()
  double decrement = 0.0;    ///< share of f that a Gauss-Newton step would still gain
  /// Largest minus smallest value of A/N^alpha and of B/D^beta over the data, relative to the
  /// losses' standard deviation. Near 0: the losses do not depend on N, or on D.
  double size_range = 0.0, token_range = 0.0;
  bool converged = false;  ///< by the optimizer's own account
};

struct ProjectedSearch {
  double tolerance = 1e-15;  ///< ends where a step improves f by less than this share
  std::optional<double> fixed_e = std::nullopt;  ///< E stays at this, instead of at its best
  bool fixed_alpha = false;                      ///< alpha stays at the start's
  bool fixed_beta = false;
};

class ProjectedSurface {
 public:
  explicit ProjectedSurface(std::span<const Point> points);
  ~ProjectedSurface();
  ProjectedSurface(const ProjectedSurface&) = delete;
  ProjectedSurface& operator=(const ProjectedSurface&) = delete;

  /// f at the given exponents.
  [[nodiscard]] double sum_squares(const Exponents& at) const;
  /// Minimises f from `start` within [kMinExponent, kMaxExponent]^2, by Levenberg-Marquardt. Its
  /// tolerance is relative, unlike the usual criterion of L-BFGS, which takes small values for
  /// converged.
  [[nodiscard]] ProjectedFit minimize(const Exponents& start,
                                      const ProjectedSearch& search = {}) const;
  /// Sum of squares of the losses about their mean.
  [[nodiscard]] double total_squares() const;
  /// Condition number of the five-parameter Jacobian with centred logs and unit columns.
  [[nodiscard]] double condition_number(const Surface& surface) const;

 private:
  struct Data;
  std::unique_ptr<const Data> data_;
};

}  // namespace ff::analysis
