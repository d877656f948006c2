// SPDX-License-Identifier: MIT
// Loss against model size at equal compute: the valley of each budget is its best model.
#include "law_curves.h"
#include "parabola.h"

#include "flops_fit/plot/figures.h"
#include "flops_fit/plot/markup.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ff::plot {
namespace {

/// The budgets of the analysis; without them (the Python tool's files) those of the results.
std::vector<io::Isoflop> budgets_of(const FigureInputs& inputs) {
  std::vector<io::Isoflop> budgets = inputs.laws.isoflop;
  if (budgets.empty()) {
    for (const io::RunResult& run : inputs.results) {
      if (!run.completed() || run.model_size <= 0) {
        continue;
      }
      auto found = std::find_if(budgets.begin(), budgets.end(), [&](const auto& b) {
        return same_budget(b.compute_budget, run.compute_budget);
      });
      if (found == budgets.end()) {
        io::Isoflop budget;
        budget.compute_budget = run.compute_budget;
        found = budgets.insert(budgets.end(), budget);
      }
      found->points.push_back({run.experiment_id,
                               static_cast<double>(run.model_size),
                               static_cast<double>(run.num_tokens),
                               *run.final_loss});
    }
  }
  std::erase_if(budgets, [](const auto& b) { return b.points.empty(); });
  std::sort(budgets.begin(), budgets.end(), [](const auto& a, const auto& b) {
    return a.compute_budget < b.compute_budget;
  });
  for (io::Isoflop& budget : budgets) {
    std::sort(budget.points.begin(), budget.points.end(), [](const auto& a, const auto& b) {
      return a.model_size < b.model_size;
    });
  }
  return budgets;
}

Series runs_of(const io::Isoflop& budget, double shade) {
  Series series{.legend = power_text(budget.compute_budget), .shade = shade};
  for (const io::IsoflopPoint& p : budget.points) {
    series.x.push_back(p.model_size);
    series.y.push_back(p.loss);
  }
  return series;
}

/// The vertex, or without parabolas the optimum that the analysis recorded for the budget.
void add_optimum(const io::Isoflop& budget, const io::ScalingLaws& laws, Series& optima) {
  double size = 0.0;
  double loss = 0.0;
  double log_half = 0.0;
  if (has_parabola(budget)) {
    size = *budget.vertex_size;
    loss = budget.vertex_loss.value_or(parabola_at(budget, size));
    log_half = 1.959964 * budget.vertex_log_stderr.value_or(0.0);
  } else if (laws.isoflop.empty()) {
    const auto found =
        std::find_if(laws.optimal_points.begin(), laws.optimal_points.end(), [&](const auto& p) {
          return same_budget(p.compute_budget, budget.compute_budget);
        });
    if (found == laws.optimal_points.end()) {
      return;
    }
    size = found->model_size;
    loss = found->final_loss;
  } else {
    return;  // this budget has no optimum; its status says why
  }
  optima.x.push_back(size);
  optima.y.push_back(loss);
  optima.low.push_back(size * std::exp(-log_half));
  optima.high.push_back(size * std::exp(log_half));
}

}  // namespace

Drawing isoflops_curves(const FigureInputs& inputs) {
  const std::vector<io::Isoflop> budgets = budgets_of(inputs);
  if (budgets.empty()) {
    return NotDrawn{"no completed run in results.json or scaling_laws.json; run ff-train first"};
  }
  Panel panel{.title = "Loss at equal compute",
              .x = {"Model size N [parameters]", true, Numbers::kCount},
              .y = {"Held-out loss L [nats/token]", false, Numbers::kPlain}};
  Series optima{.legend = "optimum", .role = Role::kOptimum, .shape = Shape::kPoints};
  double lowest = budgets.front().points.front().loss;
  double highest = lowest;
  for (size_t i = 0; i < budgets.size(); ++i) {
    const double shade = shade_of(i, budgets.size());
    Series runs = runs_of(budgets[i], shade);
    for (const double loss : runs.y) {
      lowest = std::min(lowest, loss);
      highest = std::max(highest, loss);
    }
    Series curve;
    if (has_parabola(budgets[i])) {
      curve = parabola_curve(budgets[i]);
    } else {
      // Straight segments, so that nobody takes them for a fit.
      curve = runs;
      curve.legend.clear();
      curve.role = Role::kTrace;
      curve.shape = Shape::kLine;
    }
    curve.shade = shade;
    panel.series.push_back(std::move(curve));
    panel.series.push_back(std::move(runs));
    add_optimum(budgets[i], inputs.laws, optima);
  }
  panel.y.log = lowest > 0 && highest / lowest > 3.0;
  const bool vertices = std::any_of(budgets.begin(), budgets.end(), has_parabola);
  if (vertices) {
    optima.shape = Shape::kErrorsX;
  } else {
    optima.low.clear();
    optima.high.clear();
  }
  if (!optima.x.empty()) {
    panel.series.push_back(std::move(optima));
  }
  return Figure{
      .name = "isoflops_curves",
      .title = "IsoFLOP curves",
      .caption =
          vertices ? "Each point is one trained model; each colour spends the same compute. Curves "
                     "are parabolas in ln N, drawn over the runs they were fitted to; diamonds "
                     "mark their vertices with 95% intervals. A budget without a curve has no "
                     "usable vertex."
                   : "Each point is one trained model; each colour spends the same compute. "
                     "Diamonds mark the optimum of each budget as recorded; the thin segments "
                     "only connect the runs.",
      .legend_title = "Budget C [FLOP]",
      .panels = {std::move(panel)}};
}

}  // namespace ff::plot
