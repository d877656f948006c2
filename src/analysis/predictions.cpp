// SPDX-License-Identifier: MIT
#include "candidates.h"

#include "flops_fit/analysis/allocation.h"
#include "flops_fit/analysis/checks.h"
#include "flops_fit/analysis/repeated_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ff::analysis {
namespace {

constexpr double kCheapShare = 0.01;  // of the compute wasted

void widen(std::optional<io::Interval>& range, double value) {
  if (std::isfinite(value)) {
    range = range ? io::Interval{std::min(range->low, value), std::max(range->high, value)}
                  : io::Interval{value, value};
  }
}

/// The bootstrap's interval and every certified estimator's own answer. A straight line in ln L,
/// which has no floor, says nothing of a loss far away that a surface predicts.
void set_ranges(io::Prediction& prediction,
                std::span<const Candidate> candidates,
                bool headline_has_floor,
                double flops_per_nd) {
  prediction.model_size_range = prediction.model_size_ci;
  prediction.num_tokens_range = prediction.num_tokens_ci;
  prediction.loss_range = prediction.loss_ci;
  const double target = prediction.target_compute;
  for (const Candidate& candidate : candidates) {
    if (candidate.fit.usable() && candidate.entry->fallback != kNoFallback) {
      const double size = (*candidate.fit.n_law)(target);
      prediction.by_estimator.emplace_back(candidate.entry->name, size);
      widen(prediction.model_size_range, size);
      widen(prediction.num_tokens_range, (*candidate.fit.d_law)(target));
      if (candidate.fit.surface || !headline_has_floor) {
        widen(prediction.loss_range, candidate.fit.loss_at(target, flops_per_nd));
      }
    }
  }
  widen(prediction.model_size_range, prediction.model_size);
  widen(prediction.num_tokens_range, prediction.num_tokens);
  widen(prediction.loss_range, prediction.loss.value_or(std::nan("")));
}

/// R_D and R_N of these runs where they determine them, else the published ones, on this surface.
std::pair<RepeatedData, std::string> repetition_of(std::span<const Candidate> candidates,
                                                   const Surface& surface) {
  for (const Candidate& candidate : candidates) {
    if (candidate.entry->name == "data_constrained" && candidate.fit.usable()) {
      return {{candidate.fit.surface.value(),
               candidate.fit.extra[0].second,
               candidate.fit.extra[1].second},
              "R_D and R_N of these runs"};
    }
  }
  RepeatedData law = published_repeated_data();
  law.surface = surface;
  return {law,
          fmt::format("R_D = {:.2f}, R_N = {:.2f} of Muennighoff et al. 2023", law.r_d, law.r_n)};
}

}  // namespace

std::vector<io::Prediction> predict(std::span<const Candidate> candidates,
                                    const Candidate& headline,
                                    const AnalyzerConfig& config,
                                    double flops_per_nd,
                                    std::span<const double> budgets) {
  std::vector<io::Prediction> predictions;
  const std::optional<Surface> surface = leading_surface(candidates, headline);
  const auto& ci = headline.intervals.intervals;
  for (size_t t = 0; t < config.target_compute.size(); ++t) {
    const double target = config.target_compute[t];
    io::Prediction& p = predictions.emplace_back();
    p.target_compute = target;
    p.model_size = (*headline.fit.n_law)(target);
    p.num_tokens = (*headline.fit.d_law)(target);
    p.tokens_per_param = p.num_tokens / p.model_size;
    p.loss = headline.fit.loss_at(target, flops_per_nd);
    p.model_size_ci = ci[kFirstTarget + 3 * t];
    p.num_tokens_ci = ci[kFirstTarget + 3 * t + 1];
    p.loss_ci = ci[kFirstTarget + 3 * t + 2];
    set_ranges(p, candidates, headline.fit.surface.has_value(), flops_per_nd);
    p.extrapolation = target / budgets.back();
    if (p.extrapolation > kMaxExtrapolation) {
      p.status = fmt::format("extrapolation beyond {:g}x", kMaxExtrapolation);
    } else if (target * kMaxExtrapolation < budgets.front()) {
      p.status = fmt::format("below the smallest budget by more than {:g}x", kMaxExtrapolation);
    }
    if (!surface) {
      continue;
    }
    p.cheap_sizes = sizes_within(*surface, target, kCheapShare, flops_per_nd);
    p.wasted_at_range =
        io::Interval{wasted_share(*surface, target, p.model_size_range->low, flops_per_nd),
                     wasted_share(*surface, target, p.model_size_range->high, flops_per_nd)};
    if (config.predict.inference_tokens > 0) {
      const double served = config.predict.inference_tokens;
      const LifetimeOptimum life = lifetime_optimum(*surface, target, served, flops_per_nd);
      p.lifetime = io::LifetimePrediction{.inference_tokens = served,
                                          .model_size = life.n,
                                          .num_tokens = life.d,
                                          .training_flops = life.training_flops,
                                          .total_flops = life.total_flops,
                                          .saved_share = life.saved_share};
    }
    if (config.predict.unique_tokens > 0) {
      const auto [law, basis] = repetition_of(candidates, *surface);
      const double unique = config.predict.unique_tokens;
      const RepeatedOptimum best = repeated_optimum(law, target, unique, flops_per_nd);
      p.repeated = io::RepeatedPrediction{.unique_tokens = unique,
                                          .model_size = best.n,
                                          .num_tokens = best.d,
                                          .loss = best.loss,
                                          .epochs = best.epochs,
                                          .basis = basis};
    }
  }
  return predictions;
}

}  // namespace ff::analysis
