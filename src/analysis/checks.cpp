// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/checks.h"

#include "flops_fit/util/units.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace ff::analysis {
namespace {

constexpr double kStderrsBelowFloor = 2.0;
constexpr double kNearlyAll = 0.8;  // of the budgets

/// At most six of the parts, and how many more there are.
std::string join_some(const std::vector<std::string>& parts) {
  constexpr size_t kShown = 6;
  const auto end = parts.begin() + static_cast<std::ptrdiff_t>(std::min(parts.size(), kShown));
  std::string text = fmt::format("{}", fmt::join(parts.begin(), end, ", "));
  return parts.size() > kShown ? fmt::format("{} and {} more", text, parts.size() - kShown) : text;
}

void check_sizes(const Dataset& data, std::vector<std::string>& warnings) {
  std::vector<std::string> edges, few;
  size_t alone = 0;
  for (const std::span<const Point> group : by_budget(data.points)) {
    const int sizes = distinct_sizes(group);
    const std::string budget = format_flops(group.front().budget);
    if (sizes < 3) {
      few.push_back(fmt::format("{} has {}", budget, sizes));
      alone += sizes == 1 ? 1 : 0;
    }
    const auto best =
        std::min_element(group.begin(), group.end(), [](const Point& left, const Point& right) {
          return left.loss < right.loss;
        });
    if (sizes > 1 && (best->n == group.front().n || best->n == group.back().n)) {
      edges.push_back(fmt::format("{} at its {} size {}",
                                  budget,
                                  best->n == group.front().n ? "smallest" : "largest",
                                  format_count(best->n)));
    }
  }
  if (!edges.empty()) {
    warnings.push_back(
        fmt::format("The lowest loss lies at the edge of the sizes in {} of {} budgets ({}); the "
                    "true optimum may lie beyond, so argmin is biased: widen the plan's sizes.",
                    edges.size(),
                    data.budgets.size(),
                    join_some(edges)));
  }
  if (static_cast<double>(alone) > kNearlyAll * static_cast<double>(data.budgets.size())) {
    warnings.push_back(
        fmt::format("{} of {} budgets have a single size, so that argmin and quadratic have "
                    "nothing to compare: bin wider with input.group_budgets (0.2, say), or rely on "
                    "vp, which needs no budgets.",
                    alone,
                    data.budgets.size()));
  } else if (!few.empty()) {
    warnings.push_back(fmt::format(
        "{} of {} budgets have fewer than 3 sizes ({}); no parabola goes through them{}.",
        few.size(),
        data.budgets.size(),
        join_some(few),
        2 * few.size() > data.budgets.size()
            ? "; input.group_budgets bins wider, vp needs no budgets"
            : ""));
  }
}

void check_losses(const Dataset& data, std::vector<std::string>& warnings) {
  std::vector<std::string> below, off_budget;
  for (const Run& run : data.runs) {
    if (run.result && run.result->floor_nats) {
      const double floor = *run.result->floor_nats;
      if (run.loss < floor - kStderrsBelowFloor * run.result->loss_stderr.value_or(0.0)) {
        below.push_back(fmt::format("{}: {:.4f} < {:.4f}", run.id, run.loss, floor));
      }
    }
    const double ratio = run.flops / run.budget;
    if (run.flops > 0 && (ratio > 2 || ratio < 0.5)) {
      off_budget.push_back(fmt::format("{}: {:.3g} times", run.id, ratio));
    }
  }
  if (!below.empty()) {
    warnings.push_back(fmt::format(
        "{} losses lie more than 2 standard errors below the corpus's entropy floor ({}), which is "
        "impossible: look for training data in the held-out set.",
        below.size(),
        join_some(below)));
  }
  if (!off_budget.empty()) {
    warnings.push_back(
        fmt::format("{} runs spent under half or over twice their budget's FLOPs ({}).",
                    off_budget.size(),
                    join_some(off_budget)));
  }
}

}  // namespace

std::vector<std::string> check_data(const Dataset& data) {
  std::vector<std::string> warnings;
  check_sizes(data, warnings);
  std::vector<const io::RunResult*> results;
  for (const Run& run : data.runs) {
    if (run.result) {
      results.push_back(&*run.result);
    }
  }
  for (std::string& warning : check_origin(results)) {
    warnings.push_back(std::move(warning));
  }
  check_losses(data, warnings);
  for (std::string& warning : check_units(data)) {
    warnings.push_back(std::move(warning));
  }
  return warnings;
}

std::vector<std::string> check_laws(const io::ScalingLaws& laws, const AnalyzerConfig& config) {
  std::vector<std::string> warnings;
  for (const auto& law : {laws.n_opt_fit, laws.d_opt_fit, laws.l_opt_fit}) {
    if (law && law->status != "ok") {
      warnings.push_back(fmt::format("{}: R^2 = {:.4f} is below fitting.min_r_squared = {:g}.",
                                     law->name,
                                     law->r_squared.value_or(0.0),
                                     config.fitting.min_r_squared));
    }
  }
  const double exponent = laws.n_opt_fit->exponent_a;
  const double expected = config.validation.expected_exponent;
  const double tolerance = config.validation.exponent_tolerance;
  if (std::abs(exponent - expected) > tolerance) {
    warnings.push_back(fmt::format(
        "The exponent a = {:.4f} of N_opt is outside {:g} +- {:g} (validation.expected_exponent).",
        exponent,
        expected,
        tolerance));
  }
  for (const io::Prediction& prediction : laws.predictions) {
    if (prediction.extrapolation > kMaxExtrapolation) {
      warnings.push_back(
          fmt::format("The target {} FLOP is {:.0f} times the largest budget; beyond {:g} times, "
                      "intervals that "
                      "come from the runs' scatter understate the error of the law itself.",
                      format_flops(prediction.target_compute),
                      prediction.extrapolation,
                      kMaxExtrapolation));
    } else if (prediction.status != "ok") {
      warnings.push_back(fmt::format("The target {} FLOP is {}; set target_compute.",
                                     format_flops(prediction.target_compute),
                                     prediction.status));
    }
  }
  return warnings;
}

}  // namespace ff::analysis
