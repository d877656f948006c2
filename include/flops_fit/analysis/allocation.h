// SPDX-License-Identifier: MIT
#pragma once
// What a surface says of choices other than its optimum, for C = flops_per_nd N D.
#include "flops_fit/analysis/surface.h"
#include "flops_fit/io/laws.h"

namespace ff::analysis {

/// The compute whose optimum reaches `loss`: C_eq = c ((L - E)/K)^(-(alpha+beta)/(alpha beta)) with
/// K = A G^-alpha + B G^beta. Infinite for a loss at or below E.
[[nodiscard]] double equivalent_compute(const Surface& surface, double loss, double flops_per_nd);

/// The share of C that training N parameters (and D = C/(c N) tokens) wastes against the optimum:
/// 1 - C_eq/C, the deadweight compute loss.
[[nodiscard]] double wasted_share(const Surface& surface,
                                  double compute,
                                  double n,
                                  double flops_per_nd);

/// The sizes that waste at most `share` of C.
[[nodiscard]] io::Interval sizes_within(const Surface& surface,
                                        double compute,
                                        double share,
                                        double flops_per_nd);

/// The cheapest model of a given quality over its life: training costs c N D, and serving
/// `inference_tokens` costs c/3 of N each (2ND for c = 6: the forward pass alone).
struct LifetimeOptimum {
  double n = 0.0, d = 0.0;
  double training_flops = 0.0, total_flops = 0.0;
  double saved_share = 0.0;  ///< of the total FLOPs of the training-optimal model of that quality
};

/// For the loss that `compute` reaches at its training optimum (Sardana et al. 2024, equation 2).
[[nodiscard]] LifetimeOptimum lifetime_optimum(const Surface& surface,
                                               double compute,
                                               double inference_tokens,
                                               double flops_per_nd);

}  // namespace ff::analysis
