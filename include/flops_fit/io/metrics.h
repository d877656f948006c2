// SPDX-License-Identifier: MIT
#pragma once
// runs/<id>/metrics.jsonl: one JSON object per logged step of one run. It is the only stage file
// that grows by appending, so a killed run may leave half a line at its end.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ff::io {

struct MetricsLine {
  int64_t step = 0;
  int64_t tokens = 0;  ///< trained on so far
  double flops = 0.0;  ///< spent so far
  /// Mean since the last line [nats/token]; none where it was not finite.
  std::optional<double> train_loss;
  double lr = 0.0;
  std::optional<double> eval_loss;  ///< held-out loss [nats/token], where it was measured
};

/// Reads the lines in the order of their steps. A torn last line is left out. A resumed run logs
/// the steps since its checkpoint again: the later line counts. Throws FileError for a missing
/// file, and for a damaged line before the last one, naming the line.
[[nodiscard]] std::vector<MetricsLine> read_metrics(const std::filesystem::path& path);

/// One line without its newline. A loss that is not finite is written as null.
[[nodiscard]] std::string to_json_line(const MetricsLine& line);

}  // namespace ff::io
