// SPDX-License-Identifier: MIT
#pragma once
// The surface in logarithms, as approach 3 of Hoffmann et al. 2022 fits it: with x = ln N and
// y = ln D about their means,
//   ln L = logsumexp(a - alpha x, b - beta y, e),
//   f(theta) = sum_i rho_delta(ln L_i - ln L(N_i, D_i)),   rho_delta(r) = r^2/2 for |r| <= delta,
//                                                          delta (|r| - delta/2) beyond (Huber).
// delta = 1e-3 is the published objective, infinity gives least squares, and a delta far below the
// residuals gives delta times the sum of absolute deviations.
//
// Own code, not a library's optimizer: with delta far below the residuals f is almost piecewise
// linear, and what general solvers do with robust losses (reweighting, quasi-Newton) takes hundreds
// of iterations or stops early. Here the Hessian is exact, so that Newton's method ends in a few
// steps and its decrement says how far below f the minimum still lies.
#include "flops_fit/analysis/runs.h"
#include "flops_fit/analysis/surface.h"

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>

namespace ff::analysis {

/// theta, in this order. a and b are ln A and ln B in the middle of the data.
enum LogParameter : size_t { kLogA, kLogB, kLogE, kLogAlpha, kLogBeta, kLogParameters };
using LogVector = std::array<double, kLogParameters>;

/// Where a minimisation of f ended.
struct LogMinimum {
  LogVector theta{};
  double objective = 0.0;
  double gradient_norm = 0.0;  ///< of df/dtheta
  /// g^T H^-1 g / (2 f): the share of f that a Newton step would still gain; infinite where H is
  /// not positive definite. Unlike a gradient's norm it does not depend on units, on the number of
  /// runs, or on sum or mean.
  double decrement = 0.0;
  int iterations = 0;
};

struct LogSearch {
  double delta = 1e-3;
  double tolerance = 1e-12;  ///< ends where the decrement is below
  bool near = false;         ///< `start` is near a minimum: skip the larger deltas
  std::optional<size_t> fixed = std::nullopt;  ///< a parameter that stays as it is
};

class LogSurface {
 public:
  explicit LogSurface(std::span<const Point> points);
  ~LogSurface();
  LogSurface(const LogSurface&) = delete;
  LogSurface& operator=(const LogSurface&) = delete;

  /// theta with the given exponents, and E, A, B from linear least squares; a share of the losses
  /// at least, since their logarithms must exist.
  [[nodiscard]] LogVector start(double alpha, double beta) const;
  [[nodiscard]] LogVector theta_of(const Surface& surface) const;
  [[nodiscard]] Surface surface(const LogVector& theta) const;

  /// Minimises f from `start`. Unless that is near, f is followed from a large delta down to the
  /// one asked for (graduated non-convexity).
  [[nodiscard]] LogMinimum minimize(const LogVector& start, const LogSearch& search) const;

  /// The same account of any theta, however it was found.
  [[nodiscard]] LogMinimum examine(const LogVector& theta, double delta) const;

  /// Condition number of the Jacobian d ln L / d theta with columns of unit length.
  [[nodiscard]] double condition_number(const LogVector& theta) const;
  /// Largest share of A/N^alpha, of B/D^beta and of E in any predicted loss.
  [[nodiscard]] std::array<double, 3> largest_shares(const LogVector& theta) const;
  [[nodiscard]] double sum_absolute_residuals(const LogVector& theta) const;
  /// Share of the runs whose residual is larger than delta.
  [[nodiscard]] double share_beyond(const LogVector& theta, double delta) const;
  [[nodiscard]] size_t size() const;

 private:
  struct Data;
  std::unique_ptr<const Data> data_;
};

}  // namespace ff::analysis
