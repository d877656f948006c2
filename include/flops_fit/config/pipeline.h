// SPDX-License-Identifier: MIT
#pragma once
// Overrides for more than one run: those of a whole pipeline, and sweeps.
#include "flops_fit/config/compose.h"
#include "flops_fit/config/schema.h"

#include <span>
#include <string>
#include <vector>

namespace ff::config {

/// Of overrides that went to every stage of a pipeline, those meant for `stage`. A key belongs to
/// every stage that has it; `planner.compute.min_flops=1` goes to the planner alone, as
/// compute.min_flops=1. A key that only other stages know, or refuse while another stage has it, is
/// left out. Throws ConfigError, naming the nearest key of all stages, for a key that none knows.
[[nodiscard]] std::vector<std::string> route_overrides(const std::string& stage,
                                                       std::span<const StageSchema> stages,
                                                       const std::vector<std::string>& overrides);

/// The jobs of a multirun: the overrides with every combination of the sweeps' values, the last key
/// varying fastest. Without sweeps there is one job.
[[nodiscard]] std::vector<std::vector<std::string>> expand_sweeps(
    const std::vector<std::string>& overrides,
    const std::vector<std::filesystem::path>& search_path);

}  // namespace ff::config
