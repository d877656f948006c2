// SPDX-License-Identifier: MIT
#pragma once
// From results to scaling laws: every estimator with bootstrap intervals, the headline's laws, the
// predictions at the targets, leave-one-out, and the warnings.
//
// The headline is fitting.method. If that estimator has no answer, the next of vp, quadratic,
// argmin is taken, with a warning and both names in the provenance; argmin has no fallback.
#include "flops_fit/analysis/config.h"
#include "flops_fit/io/laws.h"
#include "flops_fit/io/results.h"

#include <span>
#include <string>

namespace ff::analysis {

/// Pure: same results and configuration, same laws (provenance.created and results_path are left
/// empty). Throws TooLittleDataError with the reason and what to do.
[[nodiscard]] io::ScalingLaws analyze(std::span<const io::RunResult> results,
                                      const AnalyzerConfig& config);

struct AnalysisReport {
  io::ScalingLaws laws;
  std::string text;     ///< the tables, or scaling_laws.json's content if `as_json`
  std::string summary;  ///< about six lines: the law and the predicted optima
};

/// Reads paths.results, analyzes, and writes under paths.analysis what output.* asks for:
/// scaling_laws.json, optimal_configs.json. Nothing is written if anything fails.
[[nodiscard]] AnalysisReport run_analysis(const AnalyzerConfig& config, bool as_json);

}  // namespace ff::analysis
