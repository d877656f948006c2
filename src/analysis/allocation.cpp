// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/allocation.h"

#include "golden_section.h"

#include <cmath>
#include <limits>

namespace ff::analysis {
namespace {

double log_n_opt(const Surface& surface, double compute, double flops_per_nd) {
  return surface.log_k_n(flops_per_nd) + surface.exponent_a() * std::log(compute);
}

}  // namespace

double equivalent_compute(const Surface& surface, double loss, double flops_per_nd) {
  if (!(loss > surface.E)) {
    return std::numeric_limits<double>::infinity();
  }
  return std::pow((loss - surface.E) / surface.k_l(flops_per_nd), 1 / surface.exponent_c());
}

double wasted_share(const Surface& surface, double compute, double n, double flops_per_nd) {
  const double loss = surface(n, compute / flops_per_nd / n);
  return 1 - equivalent_compute(surface, loss, flops_per_nd) / compute;
}

io::Interval sizes_within(const Surface& surface,
                          double compute,
                          double share,
                          double flops_per_nd) {
  const double best = log_n_opt(surface, compute, flops_per_nd);
  const auto excess = [&](double log_n) {
    return wasted_share(surface, compute, std::exp(log_n), flops_per_nd) - share;
  };
  constexpr double kReach = 20.0;  // e^20 either side wastes nearly all
  return {std::exp(bisect(excess, best - kReach, best)),
          std::exp(bisect(excess, best, best + kReach))};
}

LifetimeOptimum lifetime_optimum(const Surface& surface,
                                 double compute,
                                 double inference_tokens,
                                 double flops_per_nd) {
  const double best = log_n_opt(surface, compute, flops_per_nd);
  const double n_best = std::exp(best);
  const double loss = surface(n_best, compute / flops_per_nd / n_best);
  const auto tokens = [&](double n) {
    return std::pow((loss - surface.E - surface.A * std::pow(n, -surface.alpha)) / surface.B,
                    -1 / surface.beta);
  };
  const auto total = [&](double n) {
    return flops_per_nd * n * (tokens(n) + inference_tokens / 3);
  };
  // Smaller than the training optimum, but large enough to reach the loss at all.
  const double smallest = std::log(surface.A / (loss - surface.E)) / surface.alpha;
  const double log_n = golden_section([&](double x) { return std::log(total(std::exp(x))); },
                                      smallest + 1e-9 * std::abs(smallest),
                                      best);
  LifetimeOptimum optimum;
  optimum.n = std::exp(log_n);
  optimum.d = tokens(optimum.n);
  optimum.training_flops = flops_per_nd * optimum.n * optimum.d;
  optimum.total_flops = total(optimum.n);
  optimum.saved_share = 1 - optimum.total_flops / total(n_best);
  return optimum;
}

}  // namespace ff::analysis
