// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/fits/registry.h"

#include <array>

namespace ff::analysis {
namespace {

constexpr std::array kEstimators = {
    EstimatorEntry{.name = "argmin",
                   .summary = "lowest loss per budget, then a line in log-log",
                   .fit = fit_argmin,
                   .refit = refit_argmin,
                   .stratified = true,
                   .fallback = 3},
    EstimatorEntry{.name = "quadratic",
                   .summary = "parabola in ln N per budget, then a line through the vertices",
                   .fit = fit_quadratic,
                   .refit = refit_quadratic,
                   .stratified = true,
                   .fallback = 2},
    EstimatorEntry{.name = "vp",
                   .summary = "least squares of L = E + A/N^alpha + B/D^beta (variable projection)",
                   .fit = fit_vp,
                   .refit = refit_vp,
                   .stratified = false,
                   .fallback = 1},
};

}  // namespace

std::span<const EstimatorEntry> estimators() {
  return kEstimators;
}

const EstimatorEntry* find_estimator(std::string_view name) {
  if (name == "empirical") {
    name = "argmin";
  }
  for (const EstimatorEntry& entry : kEstimators) {
    if (entry.name == name) {
      return &entry;
    }
  }
  return nullptr;
}

}  // namespace ff::analysis
