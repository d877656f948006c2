// SPDX-License-Identifier: MIT
#pragma once
// Runs whose law is known, and a reader for the published ones.
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/analysis/runs.h"
#include "flops_fit/analysis/surface.h"
#include "flops_fit/io/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace ff::test {

/// Hoffmann et al. 2022, table A3 as published.
inline constexpr analysis::Surface kChinchilla{1.69, 406.4, 410.7, 0.34, 0.28};

struct Design {
  std::vector<double> budgets = {1e17, 1e18, 1e19, 1e20, 1e21};
  int sizes = 7;
  double spread = 8;  ///< sizes reach from the optimum / spread to the optimum * spread
  double noise = 0;   ///< relative standard deviation of the losses
  unsigned seed = 1;
};

/// Runs on L(N, D) with D = C/6N, sizes log-spaced about each budget's optimum.
inline std::vector<io::RunResult> planted_runs(const analysis::Surface& surface,
                                               const Design& design = {}) {
  std::mt19937_64 random(design.seed);
  std::normal_distribution<double> normal(0.0, 1.0);
  std::vector<io::RunResult> runs;
  for (const double budget : design.budgets) {
    const double center = std::exp(surface.log_k_n(6) + surface.exponent_a() * std::log(budget));
    for (int i = 0; i < design.sizes; ++i) {
      const double position = design.sizes > 1 ? 2.0 * i / (design.sizes - 1) - 1 : 0.0;
      io::RunResult run;
      run.experiment_id = fmt::format("exp_{:04}", runs.size());
      run.compute_budget = budget;
      run.model_size = std::llround(center * std::pow(design.spread, position));
      run.num_tokens = std::llround(budget / 6 / static_cast<double>(run.model_size));
      const double clean =
          surface(static_cast<double>(run.model_size), static_cast<double>(run.num_tokens));
      run.final_loss = clean * (1 + design.noise * normal(random));
      run.status = "completed";
      runs.push_back(run);
    }
  }
  return runs;
}

inline std::vector<analysis::Point> points_of(const std::vector<io::RunResult>& runs) {
  return analysis::prepare_runs(runs, {}).points;
}

inline void check_surface(const analysis::Surface& found,
                          const analysis::Surface& truth,
                          double relative) {
  CHECK(found.E == Approx(truth.E).epsilon(relative));
  CHECK(found.A == Approx(truth.A).epsilon(relative));
  CHECK(found.B == Approx(truth.B).epsilon(relative));
  CHECK(found.alpha == Approx(truth.alpha).epsilon(relative));
  CHECK(found.beta == Approx(truth.beta).epsilon(relative));
}

/// A published table; none, with a warning that names it, where it is absent.
inline std::optional<std::filesystem::path> published_table(const std::string& name) {
  const auto path = shared_data(name);
  if (!path) {
    WARN("skipped: " << name << " is absent (set FLOPS_FIT_DATA)");
  }
  return path;
}

/// The rows of a comma-separated file by column name. No quoting.
inline std::vector<std::map<std::string, std::string>> read_csv(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> head;
  std::vector<std::map<std::string, std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    std::stringstream cells(line);
    std::vector<std::string> row;
    for (std::string cell; std::getline(cells, cell, ',');) {
      row.push_back(cell);
    }
    if (head.empty()) {
      head = row;
      continue;
    }
    std::map<std::string, std::string>& named = rows.emplace_back();
    for (size_t i = 0; i < std::min(head.size(), row.size()); ++i) {
      named[head[i]] = row[i];
    }
  }
  return rows;
}

/// Points of the rows where `column` is `value`, in the order of the file, budgets as published.
inline std::vector<analysis::Point> published_points(const std::filesystem::path& path,
                                                     const std::string& column = "",
                                                     const std::string& value = "") {
  std::vector<analysis::Point> points;
  for (auto& row : read_csv(path)) {
    if (column.empty() || row[column] == value) {
      points.push_back({.budget = std::stod(row["flops"]),
                        .n = std::stod(row["params"]),
                        .d = std::stod(row["tokens"]),
                        .loss = std::stod(row["loss"])});
    }
  }
  std::stable_sort(points.begin(), points.end(), [](const auto& left, const auto& right) {
    return left.budget < right.budget;
  });
  return points;
}

}  // namespace ff::test
