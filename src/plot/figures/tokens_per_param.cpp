// SPDX-License-Identifier: MIT
// How many tokens each parameter should see, against compute, beside the usual rule of thumb.
#include "law_curves.h"

#include "flops_fit/plot/figures.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

namespace ff::plot {
namespace {

constexpr double kHoffmannRatio = 20.0;  // Hoffmann et al. 2022, their Approach 2 rounded
constexpr int kSamples = 81;

Series ratio_line(const char* legend,
                  Role role,
                  const io::PowerLaw& tokens,
                  const io::PowerLaw& size,
                  double low,
                  double high) {
  Series series{.legend = legend, .role = role, .shape = Shape::kLine};
  series.x = log_space(low, high, kSamples);
  for (const double c : series.x) {
    series.y.push_back(tokens(c) / size(c));
  }
  return series;
}

}  // namespace

Drawing tokens_per_param(const FigureInputs& inputs) {
  const io::ScalingLaws& laws = inputs.laws;
  const auto extent = measured_extent(laws);
  if (!extent) {
    return NotDrawn{"scaling_laws.json has no optimal points: no budget had an optimum"};
  }
  Panel panel{.title = "Tokens per parameter",
              .x = {"Compute C [FLOP]", true, Numbers::kPowers},
              .y = {"Tokens per parameter D_{opt}/N_{opt}", true, Numbers::kPlain}};
  panel.series.push_back({.legend = "20 (Hoffmann et al. 2022)",
                          .role = Role::kReference,
                          .shape = Shape::kHorizontal,
                          .y = {kHoffmannRatio}});

  Series predicted{
      .legend = "prediction at a target", .role = Role::kPrediction, .shape = Shape::kErrorsY};
  double low = extent->low;
  double high = extent->high;
  for (const io::Prediction& p : laws.predictions) {
    if (p.target_compute <= 0 || p.model_size <= 0 || p.num_tokens <= 0) {
      continue;
    }
    low = std::min(low, p.target_compute);
    high = std::max(high, p.target_compute);
    const double ratio = p.num_tokens / p.model_size;
    predicted.x.push_back(p.target_compute);
    predicted.y.push_back(ratio);
    // At fixed compute N D is fixed, so D/N goes as 1/N^2 and N's interval gives the ratio's.
    const auto scaled = [&](double size) {
      return size > 0 ? ratio * (p.model_size / size) * (p.model_size / size) : ratio;
    };
    predicted.low.push_back(p.model_size_ci ? scaled(p.model_size_ci->high) : ratio);
    predicted.high.push_back(p.model_size_ci ? scaled(p.model_size_ci->low) : ratio);
  }

  if (laws.n_opt_fit && laws.d_opt_fit) {
    const auto& [d, n] = std::tie(*laws.d_opt_fit, *laws.n_opt_fit);
    if (extent->high > extent->low) {
      panel.series.push_back(
          ratio_line("ratio of the laws", Role::kLaw, d, n, extent->low, extent->high));
    }
    for (const auto& [from, to] : {std::pair(low, extent->low), std::pair(extent->high, high)}) {
      if (to > from * (1 + 1e-9)) {
        panel.series.push_back(ratio_line("extrapolation", Role::kExtrapolation, d, n, from, to));
      }
    }
  }

  const Marks measured = marks_of(laws);
  Series optima{.legend = measured.legend, .role = Role::kOptimum, .shape = Shape::kPoints};
  for (const Mark& mark : measured.marks) {
    optima.x.push_back(mark.compute);
    optima.y.push_back(mark.num_tokens / mark.model_size);
  }
  panel.series.push_back(std::move(optima));
  if (!predicted.x.empty()) {
    panel.series.push_back(std::move(predicted));
  }
  return Figure{.name = "tokens_per_param",
                .title = "Tokens per parameter at the optimum",
                .caption =
                    "The ratio of training tokens to parameters of the compute-optimal "
                    "model. The dashed line is the rule of thumb of 20 tokens per "
                    "parameter, found on web text with far larger models.",
                .panels = {std::move(panel)}};
}

}  // namespace ff::plot
