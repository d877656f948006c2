// SPDX-License-Identifier: MIT
#pragma once
// AdamW over one flat buffer. Each weight has its tensor's learning-rate and decay factors from the
// parametrization's table; a schedule scales the step as a whole and cannot change their ratios.
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
  double step(torch::Tensor weights, torch::Tensor grads, const StepOptions& options);

  torch::Tensor first_moment, second_moment;
  torch::Tensor lr_factors;  ///< one per weight
  int64_t steps = 0;

 private:
  model::Parametrization parametrization_;
  OptimizerOptions options_;
  torch::Tensor decay_factors_;  ///< one per weight; undefined where all are 1
};

}  // namespace ff::engine
