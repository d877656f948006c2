// SPDX-License-Identifier: MIT
#pragma once
// optimal_configs.json: what to train at every budget and target, according to the headline law.
#include "flops_fit/analysis/runs.h"
#include "flops_fit/cost/transformer.h"
#include "flops_fit/io/laws.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::analysis {

struct OptimalConfig {
  double compute = 0.0;
  bool target = false;  ///< of target_compute, not a budget of the sweep
  double model_size = 0.0;
  double num_tokens = 0.0;
  double tokens_per_param = 0.0;
  std::optional<double> loss;
  /// The shape whose parameter count is nearest, in the family of the trained shapes: their step in
  /// d_model, head size, d_ff/d_model, and their depth as a power of the width. None if the runs
  /// carry no architectures.
  std::optional<cost::Architecture> architecture;
  std::string nearest_run;  ///< the trained run whose N is nearest, on the log scale
};

[[nodiscard]] std::vector<OptimalConfig> optimal_configs(const io::ScalingLaws& laws,
                                                         std::span<const Run> runs);

[[nodiscard]] io::Json to_json(const std::vector<OptimalConfig>& configs);

/// The shape of `runs`' family nearest to `model_size`, counted as the runs count it.
[[nodiscard]] std::optional<cost::Architecture> suggest_architecture(std::span<const Run> runs,
                                                                     double model_size);

}  // namespace ff::analysis
