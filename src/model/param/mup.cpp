// SPDX-License-Identifier: MIT
// muP for Adam, Table 8 of Yang et al. 2022 (arXiv 2203.03466): at the base width the standard
// parametrization (but for the attention logits); at m times that width hidden weights start
// 1/sqrt(m) as large and learn 1/m as fast, and the head's output is divided by m.
#include "param.h"

#include "flops_fit/model/parametrization.h"

#include <cmath>

namespace ff::model {

Parametrization make_mup(const cost::Architecture& arch, const ParametrizationOptions& options) {
  Parametrization p = plain("mup", arch, options);
  const auto base = static_cast<double>(options.base_width);
  const double m = static_cast<double>(arch.d_model) / base;
  for (TensorRule& rule : p.tensors) {
    switch (rule.type) {
      case TensorType::kEmbedding:
        rule.init_std = options.base_std.value_or(0.02);
        break;
      case TensorType::kHidden: {
        // The hidden layer of the MLP is m times as wide as the base model's, too.
        const double base_fan_in = static_cast<double>(rule.shape[1]) / m;
        rule.init_std = options.base_std.value_or(1.0 / std::sqrt(base_fan_in)) / std::sqrt(m);
        rule.lr = 1.0 / m;
        // Decay is multiplied by m for hidden weights, so that decay times learning rate is the
        // same for all tensors, which is what `weight_decay` = 1 says here.
        break;
      }
      case TensorType::kOutput:
        rule.init_std = options.base_std.value_or(1.0 / std::sqrt(base));
        rule.forward = rule.grad_input = rule.grad_weight = 1.0 / m;
        break;
      case TensorType::kNorm:
        break;
    }
  }
  // q and k become correlated in training, so their product grows with the head size, not its root.
  p.attention_logits = options.alphas.attn_softmax / static_cast<double>(arch.head_size());
  return p;
}

}  // namespace ff::model
