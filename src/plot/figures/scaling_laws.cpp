// SPDX-License-Identifier: MIT
// How the optimum moves with compute: N_opt(C), D_opt(C), L_opt(C), and where the laws lead.
#include "law_curves.h"

#include "flops_fit/plot/figures.h"
#include "flops_fit/plot/markup.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace ff::plot {
namespace {

constexpr int kSamples = 81;
constexpr double kNormal95 = 1.959964;

/// What differs between the three panels.
struct Quantity {
  const char* title;
  const char* y_label;
  Numbers numbers;
  Curve law;  ///< empty if there is none
  const io::PowerLaw*
      power_law;  ///< the law if it is a pure power law, for its exponent's interval
  double Mark::*mark;
  double io::OptimalPoint::*value;
  bool has_vertex_error;  ///< at fixed compute ln D = const - ln N: N and D share their error
};

struct Target {
  double compute = 0.0;
  double value = 0.0;
  std::optional<io::Interval> interval;
};

std::vector<Target> targets_of(const io::ScalingLaws& laws, double io::OptimalPoint::*value) {
  std::vector<Target> targets;
  for (const io::Prediction& p : laws.predictions) {
    if (value == &io::OptimalPoint::model_size) {
      targets.push_back({p.target_compute, p.model_size, p.model_size_ci});
    } else if (value == &io::OptimalPoint::num_tokens) {
      targets.push_back({p.target_compute, p.num_tokens, p.num_tokens_ci});
    } else if (p.loss) {
      targets.push_back({p.target_compute, *p.loss, p.loss_ci});
    }
  }
  std::erase_if(targets, [](const Target& t) { return t.compute <= 0 || t.value <= 0; });
  return targets;
}

Series line(std::string legend, Role role, const Curve& law, double low, double high) {
  Series series{.legend = std::move(legend), .role = role, .shape = Shape::kLine};
  series.x = log_space(low, high, kSamples);
  for (const double c : series.x) {
    series.y.push_back(law(c));
  }
  return series;
}

Panel panel_of(const io::ScalingLaws& laws, const Quantity& quantity) {
  Panel panel{.title = quantity.title,
              .x = {"Compute C [FLOP]", true, Numbers::kPowers},
              .y = {quantity.y_label, true, quantity.numbers}};
  const Marks measured = marks_of(laws);
  Series optima{.legend = measured.legend, .role = Role::kOptimum, .shape = Shape::kPoints};
  bool any_error = false;
  for (const Mark& mark : measured.marks) {
    const double value = mark.*quantity.mark;
    const double error = quantity.has_vertex_error ? mark.log_size_stderr : 0.0;
    any_error = any_error || error > 0.0;
    optima.x.push_back(mark.compute);
    optima.y.push_back(value);
    optima.low.push_back(value * std::exp(-kNormal95 * error));
    optima.high.push_back(value * std::exp(kNormal95 * error));
  }
  if (any_error) {
    optima.shape = Shape::kErrorsY;
  } else {
    optima.low.clear();
    optima.high.clear();
  }

  const std::vector<Target> targets = targets_of(laws, quantity.value);
  const auto extent = measured_extent(laws);
  if (quantity.law && extent) {
    double low = extent->low;
    double high = extent->high;
    std::vector<Anchor> anchors;
    for (const Target& target : targets) {
      low = std::min(low, target.compute);
      high = std::max(high, target.compute);
      if (target.interval && target.interval->low > 0) {
        anchors.push_back({target.compute, *target.interval});
      }
    }
    if (const auto band = law_band(
            quantity.law,
            quantity.power_law ? std::optional(quantity.power_law->exponent_a) : std::nullopt,
            quantity.power_law ? quantity.power_law->a_ci : std::nullopt,
            optima.x,
            optima.y,
            anchors)) {
      Series area{.legend = interval_name(laws),
                  .role = Role::kInterval,
                  .shape = Shape::kBand,
                  .x = log_space(low, high, kSamples)};
      for (const double c : area.x) {
        const io::Interval interval = band->at(quantity.law, c);
        area.y.push_back(quantity.law(c));
        area.low.push_back(interval.low);
        area.high.push_back(interval.high);
      }
      panel.series.push_back(std::move(area));
    }
    if (extent->high > extent->low) {
      panel.series.push_back(
          line("fitted law", Role::kLaw, quantity.law, extent->low, extent->high));
    }
    for (const auto& [from, to] : {std::pair(low, extent->low), std::pair(extent->high, high)}) {
      if (to > from * (1 + 1e-9)) {
        panel.series.push_back(line("extrapolation", Role::kExtrapolation, quantity.law, from, to));
      }
    }
  }
  panel.series.push_back(std::move(optima));

  Series predicted{
      .legend = "prediction at a target", .role = Role::kPrediction, .shape = Shape::kErrorsY};
  for (const Target& target : targets) {
    predicted.x.push_back(target.compute);
    predicted.y.push_back(target.value);
    predicted.low.push_back(target.interval ? target.interval->low : target.value);
    predicted.high.push_back(target.interval ? target.interval->high : target.value);
  }
  if (!predicted.x.empty()) {
    panel.series.push_back(std::move(predicted));
  }
  return panel;
}

}  // namespace

Drawing scaling_laws(const FigureInputs& inputs) {
  const io::ScalingLaws& laws = inputs.laws;
  if (laws.optimal_points.empty()) {
    return NotDrawn{"scaling_laws.json has no optimal points: no budget had an optimum"};
  }
  Figure figure{.name = "scaling_laws",
                .title = "Scaling laws",
                .caption =
                    "The compute-optimal model size, training tokens and loss against "
                    "training compute. Solid where there are measured budgets, dashed "
                    "beyond them."};
  const auto curve = [](const auto& law) { return law ? Curve(*law) : Curve(); };
  const auto pure = [](const auto& law) { return law ? &*law : nullptr; };
  figure.panels.push_back(panel_of(laws,
                                   {.title = "Optimal model size",
                                    .y_label = "Optimal model size N_{opt}",
                                    .numbers = Numbers::kCount,
                                    .law = curve(laws.n_opt_fit),
                                    .power_law = pure(laws.n_opt_fit),
                                    .mark = &Mark::model_size,
                                    .value = &io::OptimalPoint::model_size,
                                    .has_vertex_error = true}));
  figure.panels.push_back(panel_of(laws,
                                   {.title = "Optimal training tokens",
                                    .y_label = "Optimal training tokens D_{opt}",
                                    .numbers = Numbers::kCount,
                                    .law = curve(laws.d_opt_fit),
                                    .power_law = pure(laws.d_opt_fit),
                                    .mark = &Mark::num_tokens,
                                    .value = &io::OptimalPoint::num_tokens,
                                    .has_vertex_error = true}));
  // A surface says how the loss bends towards its irreducible part; a power law cannot.
  const bool bends = laws.l_opt_irreducible.has_value();
  figure.panels.push_back(
      panel_of(laws,
               {.title = "Best reachable loss",
                .y_label = "Optimal loss L_{opt} [nats/token]",
                .numbers = Numbers::kPlain,
                .law = bends ? curve(laws.l_opt_irreducible) : curve(laws.l_opt_fit),
                .power_law = bends ? nullptr : pure(laws.l_opt_fit),
                .mark = &Mark::loss,
                .value = &io::OptimalPoint::final_loss,
                .has_vertex_error = false}));
  if (laws.floor_nats && *laws.floor_nats > 0) {
    figure.panels.back().series.push_back({.legend = "entropy floor of the corpus",
                                           .role = Role::kReference,
                                           .shape = Shape::kHorizontal,
                                           .y = {*laws.floor_nats}});
    figure.caption +=
        " No loss can lie below the entropy floor of the corpus: a law that crosses it has ended.";
  }
  return figure;
}

}  // namespace ff::plot
