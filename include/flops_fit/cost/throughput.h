// SPDX-License-Identifier: MIT
#pragma once
// How long a run takes on one CPU core: FLOPs over the speed that the eager engine was measured at.
#include "flops_fit/cost/transformer.h"

namespace ff::cost {

/// Training speed of one core at this width [FLOP/s], interpolated in a measured table.
[[nodiscard]] double measured_flops_per_s(const Architecture& arch);

/// Seconds to train on `tokens` tokens and to evaluate, on one core.
[[nodiscard]] double predicted_training_s(const Architecture& arch, double tokens);

}  // namespace ff::cost
