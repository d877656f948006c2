// SPDX-License-Identifier: MIT
#pragma once
// What a run writes while it is under way: metrics.jsonl and TensorBoard events.
#include "flops_fit/io/metrics.h"
#include "flops_fit/train/log_file.h"
#include "flops_fit/train/tensorboard.h"

#include <cstdint>
#include <filesystem>

namespace ff::train {

class RunLog {
 public:
  /// Goes on behind the first `bytes` of metrics.jsonl, which end with the line of `step`: what a
  /// killed run wrote after its checkpoint is cut off. 0 starts a new log. Throws StorageError, and
  /// PathError where a symbolic link is in the way.
  RunLog(const std::filesystem::path& run_dir, int64_t bytes, int64_t step);

  /// Throws StorageError: a log with holes is no record.
  void write(const io::MetricsLine& line);
  /// Length of metrics.jsonl.
  [[nodiscard]] int64_t bytes() const { return lines_.size(); }

 private:
  LogFile lines_;
  EventWriter events_;
};

}  // namespace ff::train
