// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/checks.h"

#include "flops_fit/util/units.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace ff::analysis {
namespace {

constexpr double kMaxExtrapolation = 100.0;
constexpr double kStderrsBelowFloor = 2.0;

/// At most six of the parts, and how many more there are.
std::string join_some(const std::vector<std::string>& parts) {
  constexpr size_t kShown = 6;
  const auto end = parts.begin() + static_cast<std::ptrdiff_t>(std::min(parts.size(), kShown));
  std::string text = fmt::format("{}", fmt::join(parts.begin(), end, ", "));
  return parts.size() > kShown ? fmt::format("{} and {} more", text, parts.size() - kShown) : text;
}

void check_sizes(const Dataset& data, std::vector<std::string>& warnings) {
  std::vector<std::string> edges, few;
  for (const std::span<const Point> group : by_budget(data.points)) {
    const int sizes = distinct_sizes(group);
    const std::string budget = format_flops(group.front().budget);
    if (sizes < 3) {
      few.push_back(fmt::format("{} has {}", budget, sizes));
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
  if (!few.empty()) {
    warnings.push_back(
        fmt::format("{} of {} budgets have fewer than 3 sizes ({}); no parabola goes through them.",
                    few.size(),
                    data.budgets.size(),
                    join_some(few)));
  }
}

/// "cuda:0" and "cuda:1" are one kind of device.
std::string device_kind(const std::string& device) {
  return device.substr(0, device.find(':'));
}

template <class Key>
void check_mixed(const Dataset& data,
                 const char* what,
                 Key key,
                 std::vector<std::string>& warnings) {
  std::map<std::string, int> counts;
  for (const io::RunResult* run : data.runs) {
    if (const std::string value = key(*run); !value.empty()) {
      ++counts[value];
    }
  }
  if (counts.size() > 1) {
    std::vector<std::string> parts;
    for (const auto& [value, count] : counts) {
      parts.push_back(fmt::format("{} {}", count, value));
    }
    warnings.push_back(
        fmt::format("The runs mix {} ({}); their losses may differ for reasons other than N and D.",
                    what,
                    join_some(parts)));
  }
}

void check_losses(const Dataset& data, std::vector<std::string>& warnings) {
  std::vector<std::string> below, off_budget;
  for (const io::RunResult* run : data.runs) {
    const double margin = kStderrsBelowFloor * run->loss_stderr.value_or(0.0);
    if (run->floor_nats && *run->final_loss < *run->floor_nats - margin) {
      below.push_back(fmt::format(
          "{}: {:.4f} < {:.4f}", run->experiment_id, *run->final_loss, *run->floor_nats));
    }
    const double ratio = run->actual_flops / run->compute_budget;
    if (run->actual_flops > 0 && (ratio > 2 || ratio < 0.5)) {
      off_budget.push_back(fmt::format("{}: {:.3g} times", run->experiment_id, ratio));
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
  check_mixed(
      data, "dtypes", [](const io::RunResult& run) { return run.dtype; }, warnings);
  check_mixed(
      data, "devices", [](const io::RunResult& run) { return device_kind(run.device); }, warnings);
  check_losses(data, warnings);
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
    }
  }
  return warnings;
}

}  // namespace ff::analysis
