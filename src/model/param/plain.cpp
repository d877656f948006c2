// SPDX-License-Identifier: MIT
// What the parametrizations have in common.
#include "param.h"

#include "flops_fit/util/error.h"

namespace ff::model {

std::vector<TensorRule> list_tensors(const cost::Architecture& arch, bool norm_gain) {
  const int64_t d = arch.d_model;
  const int64_t f = arch.d_ff;
  std::vector<TensorRule> tensors;
  const auto add = [&](std::string name, TensorType type, std::vector<int64_t> shape) {
    tensors.push_back({.name = std::move(name), .type = type, .shape = std::move(shape)});
  };
  const auto add_norm = [&](std::string name) {
    if (norm_gain) {
      add(std::move(name), TensorType::kNorm, {d});
    }
  };
  add("embedding", TensorType::kEmbedding, {arch.vocab_size, d});
  for (int64_t layer = 0; layer < arch.num_layers; ++layer) {
    const std::string prefix = "layers." + std::to_string(layer) + ".";
    add_norm(prefix + "attn_norm");
    add(prefix + "qkv", TensorType::kHidden, {3 * d, d});
    add(prefix + "attn_out", TensorType::kHidden, {d, d});
    add_norm(prefix + "mlp_norm");
    add(prefix + "up", TensorType::kHidden, {f, d});
    add(prefix + "gate", TensorType::kHidden, {f, d});
    add(prefix + "down", TensorType::kHidden, {d, f});
  }
  add_norm("final_norm");
  add("output", TensorType::kOutput, {arch.vocab_size, d});
  return tensors;
}

Parametrization plain(const char* name,
                      const cost::Architecture& arch,
                      const ParametrizationOptions& options) {
  const auto refuse = [&](const char* key, const char* what) {
    throw error<ConfigError>(
        "{}: {} has no {}; leave it out, or set model.parametrization=u-mup.", key, name, what);
  };
  if (options.alphas.res != 1.0) {
    refuse("umup.alpha_res", "residual scale");
  }
  if (options.alphas.res_attn_ratio != 1.0) {
    refuse("umup.alpha_res_attn_ratio", "residual scale");
  }
  if (options.mlp_to_output_scale) {
    refuse("umup.mlp_constraint", "gradient scales of its own");
  }
  Parametrization p;
  p.name = name;
  p.architecture = arch;
  p.tensors = list_tensors(arch, options.norm_gain.value_or(true));
  p.glu_alpha = options.alphas.ffn_act;
  p.residuals.assign(static_cast<size_t>(2 * arch.num_layers), ResidualScale{});
  p.loss_logits = options.alphas.loss_softmax;
  p.loss_grad = options.alphas.loss_softmax;
  p.decay_times_lr = true;
  return p;
}

}  // namespace ff::model
