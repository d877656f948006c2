// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/runs.h"

#include "statistics.h"

#include "flops_fit/analysis/checks.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
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

bool is_positive(double value) {
  return std::isfinite(value) && value > 0;
}

/// Why a completed run cannot be used; empty if it can.
std::string defect(const Run& run) {
  if (!is_positive(run.n) || !is_positive(run.d) || !is_positive(run.budget)) {
    return "a parameter count, token count or budget that is not positive";
  }
  if (!is_positive(run.loss)) {
    return "a loss that is not positive";
  }
  if (run.result && run.result->architecture && run.result->architecture->vocab_size > 1) {
    const auto vocab = static_cast<double>(run.result->architecture->vocab_size);
    if (run.loss > 1.05 * std::log(vocab)) {
      return run.loss < std::log2(vocab)
                 ? "a loss above 1.05 ln(vocab_size), worse than guessing, but below "
                   "log2(vocab_size) (diverged, or in bits? Then multiply the losses by ln 2 = "
                   "0.693)"
                 : "a loss above 1.05 ln(vocab_size), worse than guessing (diverged?)";
    }
  }
  return "";
}

/// The usable runs, with a warning for each reason to leave some out.
std::vector<const Run*> select(std::span<const Run> runs, std::vector<std::string>& warnings) {
  std::vector<std::string> failed, repeated;
  std::map<std::string, std::vector<std::string>> defective;
  std::map<std::string, size_t> position;  // of each id in `chosen`
  std::vector<const Run*> chosen;
  for (const Run& run : runs) {
    if (!run.completed()) {
      failed.push_back(run.id);
      continue;
    }
    if (const std::string reason = defect(run); !reason.empty()) {
      defective[reason].push_back(run.id);
      continue;
    }
    const auto [found, is_new] = position.try_emplace(run.id, chosen.size());
    if (is_new) {
      chosen.push_back(&run);
    } else {  // the later entry is the run's repetition
      repeated.push_back(run.id);
      chosen[found->second] = &run;
    }
  }
  if (!failed.empty()) {
    warnings.push_back(fmt::format("{} of {} runs did not complete and are left out ({}).",
                                   failed.size(),
                                   runs.size(),
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

std::vector<Run> runs_from(std::span<const io::RunResult> results) {
  std::vector<Run> runs;
  for (const io::RunResult& result : results) {
    Run& run = runs.emplace_back();
    run.id = result.experiment_id;
    run.status = result.status;
    run.n = static_cast<double>(result.model_size);
    run.d = static_cast<double>(result.num_tokens);
    run.loss = result.final_loss.value_or(std::numeric_limits<double>::quiet_NaN());
    run.flops = result.actual_flops;
    run.budget = result.compute_budget;
    if (result.params) {
      run.n_total = static_cast<double>(result.params->total);
      run.n_matmul = static_cast<double>(result.params->matmul);
      run.n_non_embedding = static_cast<double>(result.params->non_embedding);
    }
    run.result = result;
  }
  return runs;
}

Dataset prepare_runs(std::span<const io::RunResult> results, const InputConfig& config) {
  return prepare_runs(runs_from(results), config);
}

Dataset prepare_runs(std::span<const Run> runs, const InputConfig& config) {
  if (runs.empty()) {
    throw error<TooLittleDataError>("The results hold no runs; run ff-train first.");
  }
  Dataset data;
  std::vector<const Run*> chosen = select(runs, data.warnings);
  if (chosen.empty()) {
    throw error<TooLittleDataError>("None of the {} runs has completed with a usable loss; {}. {}",
                                    runs.size(),
                                    kRemedy,
                                    fmt::join(data.warnings, " "));
  }
  std::stable_sort(chosen.begin(), chosen.end(), [](const auto* left, const auto* right) {
    return left->budget < right->budget;
  });
  std::vector<double> cost, floors;
  for (const Run* run : chosen) {
    cost.push_back((run->flops > 0 ? run->flops : run->budget) / (run->n * run->d));
    data.points.push_back({.budget = run->budget,
                           .n = run->n,
                           .d = run->d,
                           .loss = run->loss,
                           .unique_tokens = run->unique_tokens.value_or(0.0)});
    if (run->result && run->result->floor_nats) {
      floors.push_back(*run->result->floor_nats);
    }
  }
  bin_budgets(data.points, config.group_budgets);

  std::vector<size_t> order(chosen.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t left, size_t right) {
    const Point &a = data.points[left], &b = data.points[right];
    return a.budget != b.budget ? a.budget < b.budget : a.n < b.n;
  });
  std::vector<Point> sorted;
  for (const size_t i : order) {
    sorted.push_back(data.points[i]);
    data.runs.push_back(*chosen[i]);
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
  } else if (std::abs(data.flops_per_nd / 6 - 1) > 0.1 && !is_odd_cost(data.flops_per_nd)) {
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
