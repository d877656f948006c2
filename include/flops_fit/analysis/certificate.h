// SPDX-License-Identifier: MIT
#pragma once
// What says whether a parametric fit is the optimum of its own objective. Published fits often are
// not: optimizers report success where their tolerances were loose, where the objective was a mean
// instead of a sum, or where too few starts were tried. None of that passes here, because the
// certificate looks at the end point alone, with measures that know neither units nor scale.
#include "flops_fit/io/json.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ff::analysis {

/// A parameter that the data leave open: the objective, minimised over all others, rises by less
/// than kFlatRise while the parameter goes from its estimate to the given end.
struct FlatDirection {
  std::string parameter;
  double from = 0.0, to = 0.0;
  double rise = 0.0;  ///< relative
};

inline constexpr double kFlatRise = 0.01;
inline constexpr double kMaxDecrement = 1e-9;
inline constexpr int64_t kMinStarts = 16;
inline constexpr int64_t kMinAgreeing = 3;
inline constexpr double kAgreement = 1e-6;  ///< starts agree if their objectives differ by less

struct Certificate {
  double objective = 0.0;
  double gradient_norm = 0.0;
  /// The share of the objective that a Newton step from the end point would still gain.
  double decrement = 0.0;
  int64_t starts = 0;
  int64_t starts_agreeing = 0;          ///< with the best, to kAgreement
  std::vector<std::string> bounds_hit;  ///< "E = 0: ...", one sentence each
  double condition_number = 0.0;        ///< of the Jacobian, logs centred, columns of unit length
  std::vector<FlatDirection> flat_directions;

  /// The end point is the optimum: its numbers may be shown.
  [[nodiscard]] bool converged() const;
  /// "ok", or in words why the fit's numbers are not to be used.
  [[nodiscard]] std::string status() const;
};

/// Objective, decrement, starts and starts_agreeing from the best end point and every start's
/// objective. Below `rounding` an objective is what is left of data without noise: there neither
/// agreement nor a decrement means anything.
[[nodiscard]] Certificate certificate_of(double objective,
                                         double decrement,
                                         std::span<const double> objectives,
                                         double rounding);

[[nodiscard]] io::Json to_json(const Certificate& certificate);

}  // namespace ff::analysis
