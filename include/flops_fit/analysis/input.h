// SPDX-License-Identifier: MIT
#pragma once
// What ff-analyze reads: runs from results.json or anyone's table (io/table.h), and their training
// curves. A row becomes a run by the names of its columns (input.columns), if input.filter lets it.
#include "flops_fit/analysis/config.h"
#include "flops_fit/analysis/runs.h"

#include <string>
#include <vector>

namespace ff::analysis {

struct CurvePoint {
  double flops = 0.0;  ///< spent so far
  double d = 0.0;      ///< tokens so far
  double loss = 0.0;   ///< [nats/token]
};

/// The loss during one run, ascending in tokens.
struct Curve {
  std::string id;  ///< of its run
  double n = 0.0;  ///< parameters
  std::vector<CurvePoint> points;
};

struct InputData {
  std::vector<Run> runs;
  /// Of completed runs, as far as there are any, in the runs' order; none for an lr_transfer sweep.
  std::vector<Curve> curves;
  std::vector<std::string> warnings;
};

/// Reads paths.results and paths.trajectories. Throws FileError for a missing or damaged file, a
/// missing column and a cell that is no number (naming its line), ConfigError for a column or a
/// filter that does not fit the file.
[[nodiscard]] InputData read_input(const AnalyzerConfig& config);

/// Gives every point its run's curve. `input` has to outlive the points.
void attach_curves(Dataset& data, const InputData& input);

}  // namespace ff::analysis
