// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/repeated_data.h"

#include "golden_section.h"

#include <algorithm>
#include <cmath>

namespace ff::analysis {
namespace {

/// What `amount` is worth when only `unique` of it is new.
double effective(double amount, double unique, double r_star) {
  const double repeats = std::max(amount / unique - 1, 0.0);
  return unique * (1 + r_star * -std::expm1(-repeats / r_star));
}

}  // namespace

double RepeatedData::operator()(double n, double d, double unique) const {
  const double new_tokens = std::min(unique, d);
  // N_opt of D_opt = new_tokens: D_opt = (C/6)^b / G and N_opt = G (C/6)^a.
  const double log_g = surface.log_g();
  const double worth =
      std::exp(log_g + surface.beta / surface.alpha * (std::log(new_tokens) + log_g));
  const double n_worth = std::min(n, worth);
  return surface(effective(n, n_worth, r_n), effective(d, new_tokens, r_d));
}

RepeatedData published_repeated_data() {
  return {.surface = {.E = std::exp(0.6254804),
                      .A = std::exp(6.255414),
                      .B = std::exp(7.3049974),
                      .alpha = 0.3526596,
                      .beta = 0.3526596},
          .r_d = 15.387756,
          .r_n = 5.309743};
}

RepeatedOptimum repeated_optimum(const RepeatedData& law,
                                 double compute,
                                 double unique,
                                 double flops_per_nd) {
  const double nd = compute / flops_per_nd;
  const double unlimited =
      law.surface.log_k_n(flops_per_nd) + law.surface.exponent_a() * std::log(compute);
  constexpr double kReach = 12.0;  // e^12 either side of the optimum with unlimited data
  const double log_n =
      golden_section([&](double x) { return law(std::exp(x), nd / std::exp(x), unique); },
                     unlimited - kReach,
                     unlimited + kReach);
  const double n = std::exp(log_n), d = nd / n;
  return {.n = n, .d = d, .loss = law(n, d, unique), .epochs = d / unique};
}

}  // namespace ff::analysis
