// SPDX-License-Identifier: MIT
#pragma once
// A parametrization's table for people and for scripts: what ff-train --show-parametrization
// prints.
#include "flops_fit/io/json.h"
#include "flops_fit/model/parametrization.h"

#include <string>

namespace ff::model {

/// How the table's factors are applied: peak learning rate, and weight decay as configured.
struct Tuned {
  double learning_rate = 1.0;
  double weight_decay = 0.0;
};

[[nodiscard]] std::string describe(const Parametrization& p, const Tuned& tuned);

/// "tensors": each with name, type, shape, init_std, forward, grad_input, grad_weight (to be
/// divided by sqrt(rows) if grad_weight_per_sqrt_rows), learning_rate, weight_decay_per_step, and
/// adamw_weight_decay: what an AdamW whose decay is multiplied by the learning rate would be given.
[[nodiscard]] io::Json to_json(const Parametrization& p, const Tuned& tuned);

}  // namespace ff::model
