// SPDX-License-Identifier: MIT
// The standard parametrization: all scale sits in the initialisation, one learning rate for all
// tensors, gradients as they come. The best learning rate falls with width, so it is a control, not
// a basis for a sweep.
#include "param.h"

#include "flops_fit/model/parametrization.h"

#include <cmath>

namespace ff::model {

Parametrization make_sp(const cost::Architecture& arch, const ParametrizationOptions& options) {
  const int64_t d = arch.d_model;
  const int64_t f = arch.d_ff;
  const auto linear = [&](std::string name, int64_t fan_out, int64_t fan_in) {
    return TensorRule{.name = std::move(name),
                      .type = TensorType::kHidden,
                      .shape = {fan_out, fan_in},
                      .init_std = 1.0 / std::sqrt(static_cast<double>(fan_in))};
  };

  Parametrization p;
  p.name = "sp";
  p.architecture = arch;
  p.tensors.push_back({.name = "embedding",
                       .type = TensorType::kEmbedding,
                       .shape = {arch.vocab_size, d},
                       .init_std = 0.02});
  for (int64_t layer = 0; layer < arch.num_layers; ++layer) {
    const std::string prefix = "layers." + std::to_string(layer) + ".";
    p.tensors.push_back(linear(prefix + "qkv", 3 * d, d));
    p.tensors.push_back(linear(prefix + "attn_out", d, d));
    p.tensors.push_back(linear(prefix + "up", f, d));
    p.tensors.push_back(linear(prefix + "gate", f, d));
    p.tensors.push_back(linear(prefix + "down", d, f));
  }
  TensorRule output = linear("output", arch.vocab_size, d);
  output.type = TensorType::kOutput;
  p.tensors.push_back(output);

  p.attention_logits =
      options.alphas.attn_softmax / std::sqrt(static_cast<double>(arch.head_size()));
  p.glu_alpha = options.alphas.ffn_act;
  p.residuals.assign(static_cast<size_t>(2 * arch.num_layers), ResidualScale{});
  p.loss_logits = options.alphas.loss_softmax;
  p.loss_grad = options.alphas.loss_softmax;
  return p;
}

}  // namespace ff::model
