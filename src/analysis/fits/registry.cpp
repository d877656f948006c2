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
                   .resampled = true,
                   .fallback = kNoFallback},
    EstimatorEntry{.name = "quadratic",
                   .summary = "parabola in ln N per budget, then a line through the vertices",
                   .fit = fit_quadratic,
                   .refit = refit_quadratic,
                   .stratified = true,
                   .resampled = true,
                   .fallback = 5},
    EstimatorEntry{.name = "vp",
                   .summary = "least squares of L = E + A/N^alpha + B/D^beta (variable projection)",
                   .fit = fit_vp,
                   .refit = refit_vp,
                   .stratified = false,
                   .resampled = true,
                   .fallback = 1},
    EstimatorEntry{.name = "huber",
                   .summary = "the same surface, Huber's deviation of ln L (Hoffmann's approach 3)",
                   .fit = fit_huber,
                   .refit = refit_huber,
                   .stratified = false,
                   .resampled = true,
                   .fallback = 2},
    EstimatorEntry{.name = "log_mse",
                   .summary = "the same surface, squared deviation of ln L",
                   .fit = fit_log_mse,
                   .refit = refit_log_mse,
                   .stratified = false,
                   .resampled = true,
                   .fallback = 3},
    EstimatorEntry{.name = "lad",
                   .summary = "the same surface, absolute deviation of ln L",
                   .fit = fit_lad,
                   .refit = refit_lad,
                   .stratified = false,
                   .resampled = true,
                   .fallback = 4},
    EstimatorEntry{.name = "envelope",
                   .summary = "lowest training curve at each compute, then a line (approach 1)",
                   .fit = fit_envelope,
                   .refit = refit_envelope,
                   .stratified = false,
                   .resampled = true,
                   .fallback = kNoFallback},
    EstimatorEntry{.name = "kaplan",
                   .summary = "L = ((N_c/N)^(alpha_N/alpha_D) + D_c/D)^alpha_D, without a floor",
                   .fit = fit_kaplan,
                   .refit = refit_kaplan,
                   .stratified = false,
                   .resampled = false,
                   .fallback = kNoFallback},
    EstimatorEntry{.name = "data_constrained",
                   .summary = "the surface over what repeated tokens are worth",
                   .fit = fit_data_constrained,
                   .refit = refit_data_constrained,
                   .stratified = false,
                   .resampled = true,
                   .fallback = kNoFallback},
    EstimatorEntry{.name = "loss_compute",
                   .summary = "L = E + k C^-c through the lowest loss of each budget",
                   .fit = fit_loss_compute,
                   .refit = refit_loss_compute,
                   .stratified = true,
                   .resampled = true,
                   .fallback = kNoFallback},
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
