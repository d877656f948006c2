// SPDX-License-Identifier: MIT
#include "report_parts.h"

#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <algorithm>

namespace ff::analysis {
namespace {

/// One row of the budgets' table; `optimum` is the headline's, nullptr where it left this one out.
std::vector<std::string> budget_row(const io::Isoflop& budget, const io::OptimalPoint* optimum) {
  const auto lowest = std::min_element(
      budget.points.begin(), budget.points.end(), [](const auto& left, const auto& right) {
        return left.loss < right.loss;
      });
  std::vector<std::string> row = {
      format_flops(budget.compute_budget),
      std::to_string(budget.points.size()),
      lowest == budget.points.end() ? kNone : format_count(lowest->model_size),
      count(budget.vertex_size),
      fixed(budget.vertex_log_stderr, 3)};
  if (optimum == nullptr) {
    row.insert(row.end(), 4, kNone);
  } else {
    row.insert(row.end(),
               {format_count(optimum->model_size),
                format_count(optimum->num_tokens),
                fmt::format("{:.1f}", optimum->num_tokens / optimum->model_size),
                fixed(optimum->final_loss)});
  }
  return row;
}

size_t with_vertex(const io::ScalingLaws& laws) {
  return static_cast<size_t>(
      std::count_if(laws.isoflop.begin(), laws.isoflop.end(), [](const io::Isoflop& budget) {
        return budget.vertex_size.has_value();
      }));
}

std::string see_file(std::string text) {
  return std::move(text) + "; report.md (output.save_report) has the whole table.";
}

}  // namespace

Section budget_section(const io::ScalingLaws& laws, Detail detail) {
  Section section{
      .title = fmt::format("Optimum per budget (N_opt, D_opt, L_opt: {})", headline_of(laws)),
      .blocks = {}};
  Table table({"budget [FLOP]",
               "runs",
               "N of lowest loss",
               "N at vertex",
               "s.e. of ln N",
               "N_opt",
               "D_opt [tokens]",
               "D/N",
               "L_opt"});
  const bool all = detail == Detail::kFull || laws.isoflop.size() <= kMaxPrintedRows;
  const bool vertices = with_vertex(laws) > 0 && with_vertex(laws) <= kMaxPrintedRows;
  for (const io::Isoflop& budget : laws.isoflop) {
    if (all || (vertices && budget.vertex_size)) {
      const auto optimum = std::find_if(
          laws.optimal_points.begin(), laws.optimal_points.end(), [&](const auto& point) {
            return point.compute_budget == budget.compute_budget;
          });
      table.add(budget_row(budget, optimum == laws.optimal_points.end() ? nullptr : &*optimum));
    }
  }
  section.add(std::move(table));
  if (!all) {
    section.add(
        see_file(fmt::format("{} budgets from {} to {} FLOP, {} of them with a parabola's "
                             "vertex{}",
                             laws.isoflop.size(),
                             format_flops(laws.isoflop.front().compute_budget),
                             format_flops(laws.isoflop.back().compute_budget),
                             with_vertex(laws),
                             vertices ? ", which are shown" : "")));
  }
  return section;
}

Section vertex_section(const io::ScalingLaws& laws) {
  Section section{.title = "quadratic, budget by budget", .blocks = {}};
  Table table({"budget [FLOP]",
               "runs in the window",
               "N at vertex",
               "D there [tokens]",
               "L there [nats/token]",
               "curvature d2L/d(ln N)2",
               "used",
               "why not"});
  for (const io::BudgetVertex& vertex : laws.quadratic) {
    table.add({format_flops(vertex.compute_budget),
               std::to_string(vertex.points),
               count(vertex.n_opt),
               count(vertex.d_opt),
               fixed(vertex.loss),
               general(vertex.curvature),
               vertex.used ? "yes" : "no",
               vertex.reason});
  }
  section.add(std::move(table));
  return section;
}

Section config_section(const std::vector<OptimalConfig>& configs, Detail detail) {
  Section section{.title = "Optimal configurations", .blocks = {}};
  const bool shapes = std::any_of(configs.begin(), configs.end(), [](const OptimalConfig& config) {
    return config.architecture.has_value();
  });
  std::vector<std::string> head = {
      "compute [FLOP]", "kind", "N", "D [tokens]", "D/N", "L [nats/token]", "nearest run"};
  if (shapes) {
    head.insert(head.end(), {"d_model", "layers", "heads", "d_ff"});
  }
  Table table(head);
  const bool all = detail == Detail::kFull || configs.size() <= kMaxPrintedRows;
  for (const OptimalConfig& config : configs) {
    if (!all && !config.target) {
      continue;
    }
    std::vector<std::string> row = {format_flops(config.compute),
                                    config.target ? "target" : "budget",
                                    format_count(config.model_size),
                                    format_count(config.num_tokens),
                                    fmt::format("{:.1f}", config.tokens_per_param),
                                    fixed(config.loss),
                                    config.nearest_run};
    if (const auto& shape = config.architecture) {
      for (const int64_t value :
           {shape->d_model, shape->num_layers, shape->num_heads, shape->d_ff}) {
        row.push_back(std::to_string(value));
      }
    }
    table.add(std::move(row));
  }
  section.add(std::move(table));
  if (!all) {
    section.add(see_file(fmt::format("{} configurations", configs.size())));
  }
  return section;
}

}  // namespace ff::analysis
