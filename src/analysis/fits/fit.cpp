// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/fits/fit.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace ff::analysis {
namespace {

/// Non-decreasing optimal sizes; N D of every budget stays what it was.
void make_monotone(std::vector<io::OptimalPoint>& optima, std::span<const double> weights) {
  std::vector<double> log_n;
  for (const io::OptimalPoint& optimum : optima) {
    log_n.push_back(std::log(optimum.model_size));
  }
  const std::vector<double> pooled = monotone(log_n, weights);
  for (size_t i = 0; i < optima.size(); ++i) {
    if (pooled[i] != log_n[i]) {
      const double factor = std::exp(pooled[i] - log_n[i]);
      optima[i].model_size *= factor;
      optima[i].num_tokens /= factor;
    }
  }
}

}  // namespace

double Fit::loss_at(double compute, double flops_per_nd) const {
  if (surface) {
    return surface->E + surface->k_l(flops_per_nd) * std::pow(compute, surface->exponent_c());
  }
  return l_law ? (*l_law)(compute) : std::numeric_limits<double>::quiet_NaN();
}

void fit_laws(Fit& fit, std::span<const double> weights, const FitOptions& options) {
  if (options.enforce_monotonic) {
    make_monotone(fit.optima, weights);
  }
  std::vector<double> c, n, d, l;
  for (const io::OptimalPoint& optimum : fit.optima) {
    c.push_back(optimum.compute_budget);
    n.push_back(optimum.model_size);
    d.push_back(optimum.num_tokens);
    l.push_back(optimum.final_loss);
  }
  const LineOptions line{.robust = options.robust};
  fit.n_law = fit_power_law(c, n, weights, line);
  fit.d_law = fit_power_law(c, d, weights, line);
  fit.l_law = fit_power_law(c, l, weights, line);
  fit.num_points = static_cast<int64_t>(fit.optima.size());
  if (!fit.n_law || !fit.d_law || !fit.l_law) {
    fit.n_law = fit.d_law = fit.l_law = std::nullopt;
    fit.status = fmt::format("{} budgets with an optimum; a law needs 2", fit.optima.size());
    return;
  }
  fit.r_squared = fit.n_law->r_squared;
}

}  // namespace ff::analysis
