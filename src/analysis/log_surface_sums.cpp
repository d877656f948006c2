// SPDX-License-Identifier: MIT
// Plain loops over columns, which the compiler turns into vector code (CMakeLists.txt says with
// what options: sums may be reordered, infinities are kept). Exponentials and logarithms come from
// glibc's vector library, 4 ulp at worst.
#include "log_surface_sums.h"

#include <cmath>

// Clones need the dynamic linker's indirect functions; sanitizers run before those are set up.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FF_CLONES __attribute__((target_clones("arch=x86-64-v3", "default"), noinline))
#else
#define FF_CLONES
#endif

namespace ff::analysis {
namespace {

constexpr size_t kSize = kSurfaceParameters;

/// u = exp(a - alpha x), v = exp(b - beta y), r = ln(u + v + w) - ln L.
FF_CLONES void predict(const double* __restrict x,
                       const double* __restrict y,
                       const double* __restrict log_loss,
                       size_t n,
                       const double* theta,
                       double* __restrict u,
                       double* __restrict v,
                       double* __restrict r) {
  const double a = theta[0], b = theta[1], alpha = theta[3], beta = theta[4];
  const double w = std::exp(theta[2]);
  for (size_t i = 0; i < n; ++i) {
    u[i] = std::exp(a - alpha * x[i]);
  }
  for (size_t i = 0; i < n; ++i) {
    v[i] = std::exp(b - beta * y[i]);
  }
  for (size_t i = 0; i < n; ++i) {
    r[i] = std::log(u[i] + v[i] + w) - log_loss[i];
  }
}

FF_CLONES double huber_sum(const double* __restrict r, size_t n, double delta) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    const double size = std::abs(r[i]);
    const double inner = size < delta ? size : delta;
    sum += inner * (size - 0.5 * inner);  // inner^2/2 + delta (size - delta)+
  }
  return sum;
}

/// The Jacobian's columns p, q, w/s, -p x, -q y (over u, v, s), rho' (over r) and the weights.
FF_CLONES void columns(const double* __restrict x,
                       const double* __restrict y,
                       size_t n,
                       double w,
                       double delta,
                       double* __restrict u,
                       double* __restrict v,
                       double* __restrict s,
                       double* __restrict px,
                       double* __restrict qy,
                       double* __restrict r,
                       double* __restrict curvature,
                       double* __restrict weight) {
  for (size_t i = 0; i < n; ++i) {
    const double inverse = 1 / (u[i] + v[i] + w);
    u[i] *= inverse;
    v[i] *= inverse;
    s[i] = w * inverse;
    px[i] = -u[i] * x[i];
    qy[i] = -v[i] * y[i];
  }
  for (size_t i = 0; i < n; ++i) {
    const double size = std::abs(r[i]);
    const bool inside = size <= delta;
    weight[i] = inside ? 1.0 : delta / size;
    const double slope = weight[i] * r[i];
    // d2 rho J J^T + rho' d2 LSE, where d2 LSE = sum_k p_k c_k c_k^T - J J^T.
    curvature[i] = (inside ? 1.0 : 0.0) - slope;
    r[i] = slope;
  }
}

FF_CLONES double dot(const double* __restrict a, const double* __restrict b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

struct TwoSums {
  double first, second;
};

FF_CLONES TwoSums weighted_dots(const double* __restrict a,
                                const double* __restrict b,
                                const double* __restrict first,
                                const double* __restrict second,
                                size_t n) {
  double sum1 = 0, sum2 = 0;
  for (size_t i = 0; i < n; ++i) {
    const double product = a[i] * b[i];
    sum1 += first[i] * product;
    sum2 += second[i] * product;
  }
  return {sum1, sum2};
}

}  // namespace

double surface_value(const LogRuns& runs,
                     std::span<const double, kSurfaceParameters> theta,
                     double delta,
                     SurfaceScratch& scratch) {
  const size_t n = runs.x.size();
  double* r = scratch.column(2);
  predict(runs.x.data(),
          runs.y.data(),
          runs.log_loss.data(),
          n,
          theta.data(),
          scratch.column(0),
          scratch.column(1),
          r);
  return huber_sum(r, n, delta);
}

SurfaceSums surface_sums(const LogRuns& runs,
                         std::span<const double, kSurfaceParameters> theta,
                         double delta,
                         SurfaceScratch& scratch) {
  const size_t n = runs.x.size();
  const double *x = runs.x.data(), *y = runs.y.data();
  double *u = scratch.column(0), *v = scratch.column(1), *r = scratch.column(2);
  double *s = scratch.column(3), *px = scratch.column(4), *qy = scratch.column(5);
  double *curvature = scratch.column(6), *weight = scratch.column(7);
  predict(x, y, runs.log_loss.data(), n, theta.data(), u, v, r);
  SurfaceSums sums;
  sums.value = huber_sum(r, n, delta);
  columns(x, y, n, std::exp(theta[2]), delta, u, v, s, px, qy, r, curvature, weight);

  const std::array<const double*, kSize> jacobian = {u, v, s, px, qy};
  for (size_t i = 0, k = 0; i < kSize; ++i) {
    sums.gradient[i] = dot(jacobian[i], r, n);
    for (size_t j = 0; j <= i; ++j, ++k) {
      const TwoSums both = weighted_dots(jacobian[i], jacobian[j], curvature, weight, n);
      sums.hessian[k] = both.first;
      sums.reweighted[k] = both.second;
    }
  }
  // rho' sum_k p_k c_k c_k^T with c_1 = (1,0,0,-x,0), c_2 = (0,1,0,0,-y), c_3 = (0,0,1,0,0).
  sums.hessian[0] += sums.gradient[0];
  sums.hessian[2] += sums.gradient[1];
  sums.hessian[5] += sums.gradient[2];
  sums.hessian[6] += sums.gradient[3];
  sums.hessian[11] += sums.gradient[4];
  double* slope = r;
  for (size_t i = 0; i < n; ++i) {
    curvature[i] = -slope[i] * x[i];
    weight[i] = -slope[i] * y[i];
  }
  sums.hessian[9] += dot(curvature, px, n);
  sums.hessian[14] += dot(weight, qy, n);
  return sums;
}

}  // namespace ff::analysis
