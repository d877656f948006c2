// SPDX-License-Identifier: MIT
#pragma once
// From a model size to a model: width and depth whose parameter count is nearest the target.
#include "flops_fit/cost/transformer.h"
#include "flops_fit/plan/config.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace ff::plan {

/// The count that model.count names.
[[nodiscard]] int64_t model_size_of(const cost::ParamCounts& counts, const std::string& rule);

/// The architecture of a given width and depth under the plan's rules (heads, d_ff, vocabulary).
[[nodiscard]] cost::Architecture make_shape(int64_t d_model,
                                            int64_t num_layers,
                                            int64_t vocab_size,
                                            const PlanConfig& config);

/// The shape nearest `target_size` in ln N. With a free depth the aspect ratio counts too: missing
/// it by a factor e is as bad as missing the size by 5%. Empty if no width is allowed.
[[nodiscard]] std::optional<cost::Architecture> find_shape(double target_size,
                                                           int64_t vocab_size,
                                                           const PlanConfig& config);

}  // namespace ff::plan
