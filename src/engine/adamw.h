// SPDX-License-Identifier: MIT
#pragma once
// AdamW over one flat buffer, with a learning-rate factor per tensor and independent weight decay:
// a step removes the share `weight_decay` of each weight whatever its learning rate.
#include "flops_fit/engine/engine.h"
#include "flops_fit/model/parametrization.h"

#include <torch/torch.h>

namespace ff::engine {

class AdamW {
 public:
  AdamW(const model::Parametrization& p,
        const OptimizerOptions& options,
        const torch::Tensor& flat_weights);

  /// Updates `weights` in place from `grads` (which may be scaled in place by the clipping).
  /// Returns the gradients' root mean square before clipping.
  double step(torch::Tensor weights,
              torch::Tensor grads,
              double learning_rate,
              double weight_decay);

  torch::Tensor first_moment, second_moment;
  int64_t steps = 0;

 private:
  OptimizerOptions options_;
  torch::Tensor lr_factors_;  ///< one per weight
};

}  // namespace ff::engine
