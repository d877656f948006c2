// SPDX-License-Identifier: MIT
#pragma once
// Fits of a few parameters to ln L for forms that are not sums of powers of N and D: Ceres with
// Huber's loss from several starts, a Newton polish, and the certificate.
#include "flops_fit/analysis/certificate.h"

#include <Eigen/Core>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace ff::analysis {

/// One parameter. All of them are logarithms or other unbounded numbers near 1.
struct SmallParameter {
  std::string name;
  /// Moves of the profile likelihood, added to the estimate; empty: not profiled.
  std::vector<double> profile;
  /// The number that people know it by: exp(theta) for a logarithm.
  double (*shown)(double theta) = nullptr;
};

struct SmallProblem {
  size_t runs = 0;
  std::vector<SmallParameter> parameters;
  /// ln of the predicted loss over the observed one, of run i.
  std::function<double(const Eigen::VectorXd& theta, size_t i)> residual;
  double delta = std::numeric_limits<double>::infinity();  ///< of Huber's loss
};

struct SmallMinimum {
  Eigen::VectorXd theta;
  double objective = 0.0;  ///< sum of Huber's losses
  double gradient_norm = 0.0;
  double decrement = 0.0;  ///< as LogMinimum's
};

[[nodiscard]] SmallMinimum minimize(const SmallProblem& problem,
                                    const Eigen::VectorXd& start,
                                    double tolerance);

struct SmallFit {
  SmallMinimum best;
  Certificate certificate;
};

/// From every start, in parallel. `bounds_hit` looks at the best.
[[nodiscard]] SmallFit fit_small(
    const SmallProblem& problem,
    std::span<const Eigen::VectorXd> starts,
    double tolerance,
    const std::function<std::vector<std::string>(const Eigen::VectorXd&)>& bounds_hit);

}  // namespace ff::analysis
