// SPDX-License-Identifier: MIT
#pragma once
// Sweeps small enough to be trained, killed and compared in seconds.
#include "support/catch.h"
#include "support/process.h"

#include "flops_fit/io/results.h"

#include <algorithm>
#include <map>
#include <string>

namespace ff::test {

/// Plans models of these widths at these budgets; "plan(...) output_dir=x".
inline std::string plan(const std::string& budgets, const std::string& widths) {
  return "ff-plan -q 'compute.budgets=" + budgets + "' 'plan.widths=" + widths +
         "' compute.min_tokens_per_param=0 schedule.min_steps=1 compute.tolerance=0.5 ";
}

inline const std::string kTrain = "ff-train -q evaluation.tokens=4000 ";

inline std::map<std::string, double> losses(const std::filesystem::path& results) {
  std::map<std::string, double> by_id;
  for (const auto& r : io::read_results(results)) {
    by_id[r.experiment_id] = r.final_loss.value_or(-1.0);
  }
  return by_id;
}

/// One line on stderr, and no more.
inline size_t lines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Shell that waits until the metrics of a run have so many lines (or two minutes have passed).
inline std::string wait_for_metrics(const std::string& run_dir, int count) {
  return "for i in $(seq 6000); do sleep 0.02; test $(cat " + run_dir +
         "/metrics.jsonl 2>/dev/null | wc -l) -ge " + std::to_string(count) + " && break; done; ";
}

/// Files that were being written when their writer ended.
inline std::vector<std::string> half_written(const std::filesystem::path& folder) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".tmp") {
      found.push_back(entry.path().string());
    }
  }
  return found;
}

}  // namespace ff::test
