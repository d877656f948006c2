// SPDX-License-Identifier: MIT
#pragma once
// Scalars as a TensorBoard event file (TFRecord framing around hand-encoded protobuf), which
// TensorBoard, W&B and Aim read.
#include "flops_fit/train/log_file.h"

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace ff::train {

class EventWriter {
 public:
  /// Opens a new events.out.tfevents.* file in `folder`. A run that goes on after `step` says so,
  /// and readers then forget what an older file has behind that step.
  /// Throws as LogFile does.
  explicit EventWriter(const std::filesystem::path& folder, int64_t step = 0);
  /// Throws StorageError.
  void scalar(std::string_view tag, int64_t step, float value);

 private:
  void record(std::string_view event);
  LogFile out_;
};

/// CRC-32C (Castagnoli), bitwise: a few hundred bytes per logged step.
[[nodiscard]] uint32_t crc32c(std::string_view bytes);

}  // namespace ff::train
