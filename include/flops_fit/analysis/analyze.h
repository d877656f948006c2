// SPDX-License-Identifier: MIT
#pragma once
// From results to scaling laws: every estimator with bootstrap intervals, the headline's laws, the
// predictions at the targets, leave-one-out, and the warnings.
//
// The headline is fitting.method; if that estimator has no answer, the next of vp, huber, log_mse,
// lad and quadratic is taken, with a warning and both names in the provenance.
#include "flops_fit/analysis/config.h"
#include "flops_fit/analysis/input.h"
#include "flops_fit/analysis/runs.h"
#include "flops_fit/io/laws.h"
#include "flops_fit/io/lr_transfer.h"
#include "flops_fit/io/results.h"

#include <optional>
#include <span>
#include <string>

namespace ff::analysis {

/// Same input and configuration, same laws (provenance.created and results_path, and what depends
/// on this machine, are left empty). Throws TooLittleDataError with the reason and what to do.
[[nodiscard]] io::ScalingLaws analyze(const InputData& input, const AnalyzerConfig& config);
[[nodiscard]] io::ScalingLaws analyze(std::span<const io::RunResult> results,
                                      const AnalyzerConfig& config);

struct AnalysisReport {
  io::ScalingLaws laws;                       ///< of an IsoFLOP sweep
  std::optional<io::LrTransfer> lr_transfer;  ///< of an lr_transfer sweep, in place of the laws
  std::string text;     ///< the tables, or the written file's content if `as_json`
  std::string summary;  ///< about six lines: the law and the predicted optima, or the verdict
};

/// Reads paths.results, analyzes, and writes under paths.analysis what output.* asks for:
/// scaling_laws.json, optimal_configs.json and report.md, or for an lr_transfer sweep
/// lr_transfer.json and report.md.
/// Nothing is written if anything fails. Throws FileError if the results mix kinds of sweep.
[[nodiscard]] AnalysisReport run_analysis(const AnalyzerConfig& config, bool as_json);

}  // namespace ff::analysis
