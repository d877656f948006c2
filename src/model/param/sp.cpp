// SPDX-License-Identifier: MIT
// The standard parametrization: all scale sits in the initialisation, one learning rate for all
// tensors, gradients as they come. The best learning rate falls with width, so it is a control, not
// a basis for a sweep.
#include "param.h"

#include "flops_fit/model/parametrization.h"

#include <cmath>

namespace ff::model {

Parametrization make_sp(const cost::Architecture& arch, const ParametrizationOptions& options) {
  Parametrization p = plain("sp", arch, options);
  for (TensorRule& rule : p.tensors) {
    if (rule.type == TensorType::kEmbedding) {
      rule.init_std = 0.02;
    } else if (rule.type != TensorType::kNorm) {
      rule.init_std = 1.0 / std::sqrt(static_cast<double>(rule.shape[1]));
    }
  }
  p.attention_logits =
      options.alphas.attn_softmax / std::sqrt(static_cast<double>(arch.head_size()));
  return p;
}

}  // namespace ff::model
