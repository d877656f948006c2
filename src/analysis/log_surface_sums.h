// SPDX-License-Identifier: MIT
#pragma once
// The sums over the runs that fitting in logarithms spends its time on (log_surface.h). Compiled
// for AVX2 and for any x86-64 (and plainly elsewhere), the best one chosen at run time.
#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace ff::analysis {

/// Runs as columns of centred logarithms.
struct LogRuns {
  std::vector<double> x, y, log_loss;
};

inline constexpr size_t kSurfaceParameters = 5;  // a, b, e, alpha, beta

/// Working memory, one per thread.
class SurfaceScratch {
 public:
  explicit SurfaceScratch(size_t runs) : runs_(runs), memory_(runs * kColumns) {}
  [[nodiscard]] double* column(size_t i) { return memory_.data() + i * runs_; }

 private:
  static constexpr size_t kColumns = 9;
  size_t runs_;
  std::vector<double> memory_;
};

/// f, its gradient and, as lower triangles row by row, its Hessian and the matrix of iteratively
/// reweighted least squares, sum_i rho'(r_i)/r_i J_i J_i^T: positive semidefinite where the Hessian
/// need not be.
struct SurfaceSums {
  double value = 0.0;
  std::array<double, kSurfaceParameters> gradient{};
  std::array<double, 15> hessian{};
  std::array<double, 15> reweighted{};
};

/// f alone. Infinite or NaN where a term overflows.
[[nodiscard]] double surface_value(const LogRuns& runs,
                                   std::span<const double, kSurfaceParameters> theta,
                                   double delta,
                                   SurfaceScratch& scratch);

[[nodiscard]] SurfaceSums surface_sums(const LogRuns& runs,
                                       std::span<const double, kSurfaceParameters> theta,
                                       double delta,
                                       SurfaceScratch& scratch);

}  // namespace ff::analysis
