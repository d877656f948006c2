// SPDX-License-Identifier: MIT
#pragma once
// What `ff-roofline time --output` writes, as far as the roofline picture reads it.
#include <filesystem>
#include <string>
#include <vector>

namespace ff::io {

struct TimedOperator {
  std::string path;
  double flops = 0.0;  ///< of all copies
  double bytes = 0.0;
  double seconds = 0.0;
  bool compute_bound = false;
};

struct TimedModel {
  std::string model;
  std::string machine;
  double flops_per_s = 0.0;  ///< after efficiency
  double bytes_per_s = 0.0;
  double seconds = 0.0;
  std::vector<TimedOperator> operators;
};

/// Throws FileError.
[[nodiscard]] TimedModel read_timed_model(const std::filesystem::path& path);

}  // namespace ff::io
