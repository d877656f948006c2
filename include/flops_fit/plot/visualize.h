// SPDX-License-Identifier: MIT
#pragma once
// ff-visualize: reads results.json, scaling_laws.json (of an lr_transfer sweep: lr_transfer.json)
// and the runs' metrics, draws the figures, and writes the report.
#include "flops_fit/plot/config.h"

#include <filesystem>
#include <string>
#include <vector>

namespace ff::plot {

struct VisualizeOutcome {
  std::vector<std::filesystem::path> written;
  /// One line each: a figure that could not be drawn, an input that is missing. Not fatal.
  std::vector<std::string> problems;
  /// The data support a picture that could not be drawn or kept; an older one may stand in its
  /// place.
  bool incomplete = false;
};

/// Throws ConfigError for a bad configuration; FileError if the analysis is missing or an
/// input is damaged; TooLittleDataError if the data support none of the figures; Error if none
/// could be drawn for another reason (no gnuplot). In the last two cases the report is still
/// written.
[[nodiscard]] VisualizeOutcome visualize(const VisualizerConfig& config);

}  // namespace ff::plot
