// SPDX-License-Identifier: MIT
#pragma once
// The keys of every stage, so that a preset and the overrides of a whole pipeline can be checked by
// whichever program runs first.
#include "flops_fit/config/schema.h"

#include <vector>

namespace ff::cli {

[[nodiscard]] const std::vector<config::StageSchema>& all_stages();

}  // namespace ff::cli
