// SPDX-License-Identifier: MIT
#include "flops_fit/model/gpt.h"

#include <ATen/CPUGeneratorImpl.h>

#include <utility>

namespace ff::model {

using torch::Tensor;

Tensor initial_weights(const Parametrization& p, uint64_t seed) {
  Tensor weights = torch::empty({p.num_parameters()});
  auto generator = at::detail::createCPUGenerator(seed);
  weights.normal_(0.0, 1.0, generator);
  int64_t offset = 0;
  for (const TensorRule& rule : p.tensors) {
    Tensor part = weights.narrow(0, offset, rule.numel());
    if (rule.type == TensorType::kNorm) {
      part.fill_(1.0);
    } else {
      part.mul_(rule.init_std);
    }
    offset += rule.numel();
  }
  return weights;
}

Gpt::Gpt(Parametrization parametrization, const GptOptions& options, uint64_t seed)
    : parametrization_(std::move(parametrization)), options_(options) {
  const cost::Architecture& arch = parametrization_.architecture;
  // Drawn in float32 whatever the dtype, so that float64 tests see the same model.
  const Tensor initial = initial_weights(parametrization_, seed);
  const auto tensor_options = torch::TensorOptions().device(options.device).dtype(options.dtype);
  flat_weights_ = initial.to(tensor_options);
  flat_grads_ = torch::zeros_like(flat_weights_);

  int64_t offset = 0;
  for (const TensorRule& rule : parametrization_.tensors) {
    const int64_t n = rule.numel();
    Tensor weight = flat_weights_.narrow(0, offset, n).view(rule.shape).detach();
    weight.set_requires_grad(true);
    weight.mutable_grad() = flat_grads_.narrow(0, offset, n).view(rule.shape);
    weights_.push_back(weight);
    offset += n;
  }
  rotary_ = rotary_tables(arch.seq_len, arch.head_size(), options.rotary_base, tensor_options);
  if (!options.rotary) {
    rotary_.cos.fill_(1.0);
    rotary_.sin.zero_();
  }
}

Tensor Gpt::forward(const Tensor& ids, const Observer& observe) const {
  const Parametrization& p = parametrization_;
  const int64_t batch = ids.size(0);
  const int64_t seq_len = ids.size(1);
  const int64_t rows = batch * seq_len;
  const bool has_gains = p.has_gains();
  const AttentionShape shape{.batch = batch,
                             .seq_len = seq_len,
                             .num_heads = p.architecture.num_heads,
                             .logit_scale = p.attention_logits,
                             .output_scale = p.attention_output,
                             .grad_scale = p.attention_grad};
  RotaryTables rotary = rotary_;
  if (seq_len < rotary.cos.size(0)) {
    rotary = {.cos = rotary.cos.narrow(0, 0, seq_len), .sin = rotary.sin.narrow(0, 0, seq_len)};
  }

  // The weights are used in the table's order.
  size_t next = 0;
  const auto weight = [&]() -> std::pair<const Tensor&, LinearScale> {
    const size_t i = next++;
    return {weights_[i], scale_for(p.tensors[i], rows)};
  };
  const auto apply_linear = [&](const Tensor& x) {
    const auto [w, scale] = weight();
    return linear(x, w, scale);
  };
  const auto norm = [&](const Tensor& x) {
    const Tensor y = rms_norm(x, p.norm_eps);
    if (!has_gains) {
      return y;
    }
    const auto [gain, scale] = weight();
    return apply_gain(y, gain, scale.grad_weight);
  };
  const auto show = [&](std::string_view name, const Tensor& x) {
    if (observe) {
      observe(name, x);
    }
  };

  const auto [table, embedding_scale] = weight();
  Tensor x = embedding(ids.reshape({rows}), table, embedding_scale);
  show("embedding", x);
  for (int64_t layer = 0; layer < p.architecture.num_layers; ++layer) {
    const std::string prefix = "layers." + std::to_string(layer) + ".";
    const ResidualScale& attn_scale = p.residuals[static_cast<size_t>(2 * layer)];
    Streams streams = residual_split(x, attn_scale);
    Tensor branch = apply_linear(attention(apply_linear(norm(streams.branch)), rotary, shape));
    show(prefix + "attn_branch", branch);
    x = residual_add(branch, streams.skip, attn_scale);
    show(prefix + "after_attn", x);

    const ResidualScale& mlp_scale = p.residuals[static_cast<size_t>(2 * layer + 1)];
    streams = residual_split(x, mlp_scale);
    const Tensor normed = norm(streams.branch);
    const Tensor up = apply_linear(normed);
    const Tensor gate = apply_linear(normed);
    branch = apply_linear(swiglu(up, gate, p.glu_alpha, p.glu_scale));
    show(prefix + "mlp_branch", branch);
    x = residual_add(branch, streams.skip, mlp_scale);
    show(prefix + "after_mlp", x);
  }
  x = norm(x);
  show("final_norm", x);
  x = apply_linear(x);
  show("logits", x);
  return x;
}

Tensor Gpt::loss(const Tensor& ids, const Tensor& targets) const {
  const Parametrization& p = parametrization_;
  return cross_entropy(forward(ids),
                       targets.reshape({-1}),
                       {.logits = p.loss_logits, .grad = p.loss_grad, .mean = p.loss_grad_mean});
}

Tensor Gpt::row_losses(const Tensor& ids, const Tensor& targets) const {
  const torch::NoGradGuard no_grad;
  return model::row_losses(forward(ids), targets.reshape({-1}), parametrization_.loss_logits);
}

}  // namespace ff::model
