// SPDX-License-Identifier: MIT
// The training history of every run: a sweep whose curves are ragged is not worth fitting.
#include "law_curves.h"

#include "flops_fit/plot/figures.h"
#include "flops_fit/plot/markup.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace ff::plot {
namespace {

std::vector<double> distinct_budgets(const std::vector<RunHistory>& histories) {
  std::vector<double> budgets;
  for (const RunHistory& run : histories) {
    budgets.push_back(run.compute_budget);
  }
  std::sort(budgets.begin(), budgets.end());
  budgets.erase(std::unique(budgets.begin(), budgets.end(), same_budget), budgets.end());
  return budgets;
}

/// What a group of runs is called: its budget; in an lr_transfer sweep, whose runs spend the same
/// exactly if they have the same width, the width.
std::string group_name(double budget, const FigureInputs& inputs) {
  if (inputs.sweep_kind == io::kLrTransferSweep) {
    for (const io::RunResult& run : inputs.results) {
      if (run.architecture && same_budget(run.compute_budget, budget)) {
        return fmt::format("width {}", run.architecture->d_model);
      }
    }
  }
  return power_text(budget);
}

/// One run's loss against tokens, or against steps where tokens were not logged.
Series history(const RunHistory& run,
               std::optional<double> io::MetricsLine::*loss,
               bool against_tokens) {
  Series series{.role = Role::kTrace, .shape = Shape::kLine, .note = run.experiment_id};
  for (const io::MetricsLine& line : run.lines) {
    const auto at = static_cast<double>(against_tokens ? line.tokens : line.step);
    if (line.*loss && *(line.*loss) > 0 && at > 0) {
      series.x.push_back(at);
      series.y.push_back(*(line.*loss));
    }
  }
  return series;
}

}  // namespace

Drawing loss_curves(const FigureInputs& inputs) {
  const bool against_tokens =
      std::all_of(inputs.histories.begin(), inputs.histories.end(), [](const RunHistory& run) {
        return run.lines.empty() || run.lines.back().tokens > 0;
      });
  const std::vector<double> budgets = distinct_budgets(inputs.histories);
  const Axis x = {against_tokens ? "Training tokens" : "Training steps", true, Numbers::kCount};
  Panel train{.title = "Training loss", .x = x, .y = {"Training loss [nats/token]", true}};
  Panel held_out{.title = "Held-out loss", .x = x, .y = {"Held-out loss [nats/token]", true}};

  for (size_t i = 0; i < budgets.size(); ++i) {
    for (const auto& [panel, loss] : {std::pair(&train, &io::MetricsLine::train_loss),
                                      std::pair(&held_out, &io::MetricsLine::eval_loss)}) {
      bool first = true;
      for (const RunHistory& run : inputs.histories) {
        if (!same_budget(run.compute_budget, budgets[i])) {
          continue;
        }
        Series series = history(run, loss, against_tokens);
        if (series.x.empty()) {
          continue;
        }
        series.shade = shade_of(i, budgets.size());
        if (std::exchange(first, false)) {
          series.legend = group_name(budgets[i], inputs);
        }
        if (loss == &io::MetricsLine::eval_loss) {
          // A run that was measured once is a mark; one that was measured often, a marked line.
          Series marks = series;
          marks.legend.clear();
          marks.role = Role::kRun;
          marks.shape = Shape::kPoints;
          panel->series.push_back(std::move(marks));
        }
        panel->series.push_back(std::move(series));
      }
    }
  }
  const bool by_width = inputs.sweep_kind == io::kLrTransferSweep;
  Figure figure{.name = "loss_curves",
                .title = "Loss during training",
                .caption = fmt::format("Every run of the sweep, coloured by its {}. The training "
                                       "loss is the mean since the last logged step.",
                                       by_width ? "width" : "budget"),
                .legend_title = by_width ? "" : "Budget C [FLOP]"};
  for (Panel* panel : {&train, &held_out}) {
    if (!panel->series.empty()) {
      figure.panels.push_back(std::move(*panel));
    }
  }
  if (figure.panels.empty()) {
    return NotDrawn{fmt::format(
        "no run in {} has a metrics.jsonl with losses; train with ff-train, or set paths.runs",
        inputs.runs_folder.empty() ? "the runs folder" : inputs.runs_folder)};
  }
  return figure;
}

}  // namespace ff::plot
