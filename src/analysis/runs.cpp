// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/runs.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace ff::analysis {
namespace {

constexpr const char* kRemedy =
    "train more of the sweep with ff-train (ff-train resumes where it stopped)";

/// "a", "b" and 3 more.
std::string name_some(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    text += (i > 0 ? ", " : "") + names[i];
  }
  return names.size() > kShown ? fmt::format("{} and {} more", text, names.size() - kShown) : text;
}

/// Why a completed run cannot be used; empty if it can.
std::string defect(const io::RunResult& run) {
  if (run.model_size <= 0 || run.num_tokens <= 0 || !(run.compute_budget > 0) ||
      !std::isfinite(run.compute_budget)) {
    return "a parameter count, token count or budget that is not positive";
  }
  if (!std::isfinite(*run.final_loss) || *run.final_loss <= 0) {
    return "a loss that is not positive";
  }
  if (run.architecture && run.architecture->vocab_size > 1 &&
      *run.final_loss > 1.05 * std::log(static_cast<double>(run.architecture->vocab_size))) {
    return "a loss above 1.05 ln(vocab_size), worse than guessing (diverged?)";
  }
  return "";
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

/// The usable runs, with a warning for each reason to leave some out.
std::vector<const io::RunResult*> select(std::span<const io::RunResult> results,
                                         std::vector<std::string>& warnings) {
  std::vector<std::string> failed, repeated;
  std::map<std::string, std::vector<std::string>> defective;
  std::map<std::string, size_t> position;  // of each id in `chosen`
  std::vector<const io::RunResult*> chosen;
  for (const io::RunResult& run : results) {
    if (!run.completed()) {
      failed.push_back(run.experiment_id);
      continue;
    }
    if (const std::string reason = defect(run); !reason.empty()) {
      defective[reason].push_back(run.experiment_id);
      continue;
    }
    const auto [found, is_new] = position.try_emplace(run.experiment_id, chosen.size());
    if (is_new) {
      chosen.push_back(&run);
    } else {  // the later entry is the run's repetition
      repeated.push_back(run.experiment_id);
      chosen[found->second] = &run;
    }
  }
  if (!failed.empty()) {
    warnings.push_back(fmt::format("{} of {} runs did not complete and are left out ({}).",
                                   failed.size(),
                                   results.size(),
                                   name_some(failed)));
  }
  for (const auto& [reason, ids] : defective) {
    warnings.push_back(
        fmt::format("{} runs are left out ({}): {}.", ids.size(), name_some(ids), reason));
  }
  if (!repeated.empty()) {
    warnings.push_back(
        fmt::format("{} experiment ids stand more than once ({}); the last completed one counts.",
                    repeated.size(),
                    name_some(repeated)));
  }
  return chosen;
}

/// Gives every point the budget of its bin: a bin starts at its lowest budget and reaches up to
/// (1 + tolerance) times it; its budget is its runs' (lower) median, so that runs of exactly equal
/// budgets keep that number.
void bin_budgets(std::vector<Point>& points, double tolerance) {
  for (size_t begin = 0; begin < points.size();) {
    size_t end = begin;
    while (end < points.size() && points[end].budget <= points[begin].budget * (1 + tolerance)) {
      ++end;
    }
    const double middle = points[begin + (end - begin - 1) / 2].budget;
    for (size_t i = begin; i < end; ++i) {
      points[i].budget = middle;
    }
    begin = end;
  }
}

}  // namespace

Dataset prepare_runs(std::span<const io::RunResult> results, const FittingConfig& config) {
  if (results.empty()) {
    throw error<TooLittleDataError>("The results hold no runs; run ff-train first.");
  }
  Dataset data;
  std::vector<const io::RunResult*> chosen = select(results, data.warnings);
  if (chosen.empty()) {
    throw error<TooLittleDataError>(
        "None of the {} runs has completed with a usable loss; {}.", results.size(), kRemedy);
  }
  std::stable_sort(chosen.begin(), chosen.end(), [](const auto* left, const auto* right) {
    return left->compute_budget < right->compute_budget;
  });
  std::vector<double> cost, floors;
  for (const io::RunResult* run : chosen) {
    const Point point{.budget = run->compute_budget,
                      .n = static_cast<double>(run->model_size),
                      .d = static_cast<double>(run->num_tokens),
                      .loss = *run->final_loss};
    const double flops = run->actual_flops > 0 ? run->actual_flops : run->compute_budget;
    cost.push_back(flops / (point.n * point.d));
    data.points.push_back(point);
    if (run->floor_nats) {
      floors.push_back(*run->floor_nats);
    }
  }
  bin_budgets(data.points, config.group_tolerance);

  std::vector<size_t> order(chosen.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t left, size_t right) {
    const Point &a = data.points[left], &b = data.points[right];
    return a.budget != b.budget ? a.budget < b.budget : a.n < b.n;
  });
  std::vector<Point> sorted;
  for (const size_t i : order) {
    sorted.push_back(data.points[i]);
    data.runs.push_back(chosen[i]);
  }
  data.points = std::move(sorted);
  for (const std::span<const Point> group : by_budget(data.points)) {
    data.budgets.push_back(group.front().budget);
  }
  if (data.budgets.size() < 2) {
    throw error<TooLittleDataError>(
        "All {} usable runs have one compute budget ({} FLOP), and a law over compute needs at "
        "least two; {}, or plan more budgets (compute.num_budgets).",
        chosen.size(),
        format_flops(data.budgets.front()),
        kRemedy);
  }
  const auto [cheapest, dearest] = std::minmax_element(cost.begin(), cost.end());
  data.flops_per_nd = median(cost);
  if (*dearest > 1.2 * *cheapest) {
    data.warnings.push_back(
        fmt::format("C/(N D) ranges from {:.2f} to {:.2f} over the runs; the surface's optimum "
                    "takes its median "
                    "{:.2f} for every size (attention and embeddings weigh more in small models).",
                    *cheapest,
                    *dearest,
                    data.flops_per_nd));
  } else if (std::abs(data.flops_per_nd / 6 - 1) > 0.1) {
    data.warnings.push_back(fmt::format(
        "The runs spent C = {:.2f} N D, not 6 N D (how N is counted, attention); the laws are in "
        "the runs' own convention.",
        data.flops_per_nd));
  }
  if (!floors.empty()) {
    data.floor_nats = median(floors);
  }
  return data;
}

std::vector<std::span<const Point>> by_budget(std::span<const Point> points) {
  std::vector<std::span<const Point>> groups;
  for (size_t begin = 0; begin < points.size();) {
    size_t end = begin;
    while (end < points.size() && points[end].budget == points[begin].budget) {
      ++end;
    }
    groups.push_back(points.subspan(begin, end - begin));
    begin = end;
  }
  return groups;
}

int distinct_sizes(std::span<const Point> points) {
  std::set<double> sizes;
  for (const Point& point : points) {
    sizes.insert(point.n);
  }
  return static_cast<int>(sizes.size());
}

}  // namespace ff::analysis
