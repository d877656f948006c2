// SPDX-License-Identifier: MIT
#pragma once
// Percentile bootstrap over runs (Efron & Tibshirani 1993, ch. 13): resample the runs, refit with
// the same estimator from the full fit, take the quantiles (drawn in by Fit::excess_spread). The
// result depends on the seed alone, not on the number of threads: replicate r draws from its own
// generator.
#include "flops_fit/analysis/fits/registry.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ff::analysis {

/// What a fit says, as numbers: indices into a list of quantities. The predictions follow, three
/// for each target: N, D, L; then what the fit's form has beyond a surface (Fit::extra).
enum Quantity : size_t {
  kNCoefficient,
  kNExponent,
  kDCoefficient,
  kDExponent,
  kLCoefficient,
  kLExponent,
  kE,
  kA,
  kB,
  kAlpha,
  kBeta,
  kFirstTarget,
};

[[nodiscard]] constexpr size_t first_extra(size_t targets) {
  return kFirstTarget + 3 * targets;
}

/// NaN for what the fit does not have.
[[nodiscard]] std::vector<double> quantities_of(const Fit& fit,
                                                std::span<const double> targets,
                                                double flops_per_nd);

struct Bootstrap {
  int64_t replicates = 0;
  int64_t usable = 0;  ///< replicates whose fit succeeded
  /// One per quantity; empty where the quantity does not exist or fewer than 80% are usable.
  std::vector<std::optional<io::Interval>> intervals;
  std::vector<std::optional<double>> standard_errors;  ///< where there is an interval
};

/// `threads` 0: as many as the machine has.
[[nodiscard]] Bootstrap bootstrap(const EstimatorEntry& estimator,
                                  std::span<const Point> points,
                                  const Fit& fit,
                                  const FitOptions& options,
                                  std::span<const double> targets,
                                  const BootstrapConfig& config,
                                  int64_t threads = 0);

}  // namespace ff::analysis
