// SPDX-License-Identifier: MIT
#pragma once
// The held-out loss: the mean over a fixed set of tokens, the same for every run of a sweep.
#include "flops_fit/data/dataset.h"
#include "flops_fit/engine/engine.h"

#include <optional>

namespace ff::train {

struct HeldOutLoss {
  double mean_nats = 0.0;               ///< per scored token
  double stderr_nats = 0.0;             ///< over rows, whose tokens are not independent
  std::optional<double> bits_per_byte;  ///< none where the corpus does not know its bytes
};

[[nodiscard]] HeldOutLoss evaluate(engine::Engine& engine, const data::EvalSet& held_out);

}  // namespace ff::train
