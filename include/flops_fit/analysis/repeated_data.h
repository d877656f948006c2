// SPDX-License-Identifier: MIT
#pragma once
// Repeated data (Muennighoff et al. 2023, section 3): tokens seen again, and parameters beyond what
// the unique tokens U are worth, count for less and less:
//   D' = U + U R_D* (1 - exp(-(D/U - 1)/R_D*)),    U' = min(N, N_opt of a training on U tokens),
//   N' = U' + U' R_N* (1 - exp(-(N/U' - 1)/R_N*)), L = E + A/N'^alpha + B/D'^beta.
#include "flops_fit/analysis/surface.h"

#include <optional>

namespace ff::analysis {

struct RepeatedData {
  Surface surface;
  double r_d = 0.0;  ///< R_D*: epochs beyond the first after which 1 - 1/e of their worth is spent
  double r_n = 0.0;  ///< R_N*: the same for parameters

  /// L for `unique` tokens, of which D - unique are repetitions (unique >= D: none are).
  [[nodiscard]] double operator()(double n, double d, double unique) const;
};

/// Their fit to C4, validation loss [nats/token], table 9 and appendix A of the paper.
[[nodiscard]] RepeatedData published_repeated_data();

struct RepeatedOptimum {
  double n = 0.0, d = 0.0, loss = 0.0;
  double epochs = 0.0;  ///< d / unique
};

/// The N and D = C/(flops_per_nd N) with the lowest loss when only `unique` tokens exist.
[[nodiscard]] RepeatedOptimum repeated_optimum(const RepeatedData& law,
                                               double compute,
                                               double unique,
                                               double flops_per_nd);

}  // namespace ff::analysis
