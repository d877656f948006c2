// SPDX-License-Identifier: MIT
#pragma once
// The parametric surface of Hoffmann et al. 2022 (approach 3), L(N, D) = E + A/N^alpha + B/D^beta,
// and its optimum under C = c N D (c = 6 in the paper):
//   a = beta/(alpha+beta), b = 1 - a, G = (alpha A / (beta B))^(1/(alpha+beta)),
//   N_opt = G (C/c)^a, D_opt = (C/c)^b / G, L_opt = E + (A G^-alpha + B G^beta) (C/c)^-(alpha b'),
// where alpha b' = alpha beta/(alpha+beta).
#include <cmath>

namespace ff::analysis {

struct Surface {
  double E = 0.0;
  double A = 0.0;
  double B = 0.0;
  double alpha = 0.0;
  double beta = 0.0;

  [[nodiscard]] double operator()(double n, double d) const {
    return E + A * std::pow(n, -alpha) + B * std::pow(d, -beta);
  }
  [[nodiscard]] double exponent_a() const { return beta / (alpha + beta); }
  [[nodiscard]] double exponent_b() const { return alpha / (alpha + beta); }
  /// -alpha beta/(alpha+beta): L_opt - E ~ C^c.
  [[nodiscard]] double exponent_c() const { return -alpha * beta / (alpha + beta); }
  [[nodiscard]] double log_g() const { return std::log(alpha * A / (beta * B)) / (alpha + beta); }
  /// N_opt = exp(log_k_n) C^a, for C = flops_per_nd N D.
  [[nodiscard]] double log_k_n(double flops_per_nd) const {
    return log_g() - exponent_a() * std::log(flops_per_nd);
  }
  [[nodiscard]] double log_k_d(double flops_per_nd) const {
    return -log_g() - exponent_b() * std::log(flops_per_nd);
  }
  /// L_opt = E + k_l C^c.
  [[nodiscard]] double k_l(double flops_per_nd) const {
    const double g = log_g();
    return (A * std::exp(-alpha * g) + B * std::exp(beta * g)) *
           std::pow(flops_per_nd, -exponent_c());
  }
};

}  // namespace ff::analysis
