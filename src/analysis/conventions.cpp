// SPDX-License-Identifier: MIT
// Three definitions of N gave a = .37, .54 and .70 on the same runs: a law without its conventions
// says little.
#include "candidates.h"
#include "statistics.h"

#include <algorithm>
#include <cmath>

namespace ff::analysis {
namespace {

struct Count {
  const char* name;
  std::vector<double> n;  ///< one for each run; empty: not all runs carry it
};

std::vector<Count> counts_of(const Dataset& data) {
  std::vector<Count> counts = {
      {"model_size", {}}, {"total", {}}, {"matmul", {}}, {"non_embedding", {}}};
  for (const Run& run : data.runs) {
    counts[0].n.push_back(run.n);
    for (const auto& [at, value] : {std::pair{1, run.n_total},
                                    std::pair{2, run.n_matmul},
                                    std::pair{3, run.n_non_embedding}}) {
      if (value && *value > 0) {
        counts[static_cast<size_t>(at)].n.push_back(*value);
      }
    }
  }
  std::vector<Count> kept;
  for (Count& count : counts) {
    const bool known = count.n.size() == data.runs.size();
    const auto same = std::find_if(
        kept.begin(), kept.end(), [&](const Count& other) { return other.n == count.n; });
    if (known && same == kept.end()) {
      kept.push_back(std::move(count));
    } else if (known) {
      same->name = count.name;  // model_size by its other name
    }
  }
  return kept;
}

/// The runs with N counted as `n` and, if not `exact`, every budget at the median 6ND of its runs.
std::vector<Point> recount(const Dataset& data, const std::vector<double>& n, bool exact) {
  std::vector<Point> points = data.points;
  for (size_t i = 0; i < points.size(); ++i) {
    points[i].n = n[i];
  }
  if (!exact) {
    for (size_t begin = 0; begin < points.size();) {
      size_t end = begin;
      std::vector<double> cost;
      while (end < points.size() && points[end].budget == points[begin].budget) {
        cost.push_back(6 * points[end].n * points[end].d);
        ++end;
      }
      const double budget = median(cost);
      begin = end;
      for (size_t i = end - cost.size(); i < end; ++i) {
        points[i].budget = budget;
      }
    }
  }
  std::stable_sort(points.begin(), points.end(), [](const Point& left, const Point& right) {
    return left.budget != right.budget ? left.budget < right.budget : left.n < right.n;
  });
  return points;
}

}  // namespace

io::Json conventions(const Dataset& data,
                     const EstimatorEntry& estimator,
                     const FitOptions& options,
                     double target) {
  const std::vector<Count> counts = counts_of(data);
  const bool has_flops =
      std::all_of(data.runs.begin(), data.runs.end(), [](const Run& run) { return run.flops > 0; });
  const bool differs = std::any_of(data.runs.begin(), data.runs.end(), [](const Run& run) {
    return std::abs(run.flops / (6 * run.n * run.d) - 1) > 1e-3;
  });
  io::Json rows = io::Json::array();
  // Training curves keep their own N and C.
  const bool recounts = estimator.fit != fit_envelope;
  if (!recounts || (counts.size() < 2 && !(has_flops && differs))) {
    return rows;
  }
  for (const Count& count : counts) {
    for (const bool exact : {true, false}) {
      if (exact && !has_flops) {
        continue;
      }
      FitOptions convention = options;
      convention.starts = 64;
      convention.flops_per_nd = 6;
      if (exact) {
        std::vector<double> cost;
        for (size_t i = 0; i < data.runs.size(); ++i) {
          cost.push_back(data.runs[i].flops / (count.n[i] * data.runs[i].d));
        }
        convention.flops_per_nd = median(cost);
      }
      const Fit fit = estimator.fit(recount(data, count.n, exact), convention);
      io::Json row = {{"params", count.name},
                      {"flops", exact ? "exact" : "6ND"},
                      {"flops_per_nd", convention.flops_per_nd},
                      {"status", fit.status}};
      if (fit.usable() && fit.n_law) {
        row["exponent_a"] = io::number_or_null(fit.n_law->exponent);
        row["coefficient_k"] = io::number_or_null(std::exp(fit.n_law->log_k));
        row["target_compute"] = target;
        row["model_size"] = io::number_or_null((*fit.n_law)(target));
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace ff::analysis
