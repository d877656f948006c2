// SPDX-License-Identifier: MIT
// u-muP: unit scale for every activation, weight and gradient at initialisation, and learning rates
// that one eta serves at every width and depth. Multipliers of the authors' library.
#include "param.h"

#include "flops_fit/model/parametrization.h"

#include <cmath>

namespace ff::model {
namespace {

/// Logarithmic interpolation: high^a * low^(1-a).
double log_interpolate(double a, double high, double low) {
  return std::exp(a * std::log(high) + (1.0 - a) * std::log(low));
}

bool in_mlp(const TensorRule& rule) {
  const std::string_view name = rule.name;
  return name.ends_with(".up") || name.ends_with(".gate") || name.ends_with(".down");
}

}  // namespace

double unit_attention_scale(int64_t seq_len, int64_t head_size, double alpha, bool causal) {
  // At T = 1 ln(T)/T is 0: one key needs no correction.
  if (seq_len < 2) {
    return 1.0;
  }
  const auto t = static_cast<double>(seq_len);
  const double weight = 1.0 / (1.0 + 4.0 * static_cast<double>(head_size) / (alpha * alpha));
  return 1.0 / log_interpolate(weight, 1.0, std::sqrt((causal ? std::log(t) : 1.0) / t));
}

double unit_glu_scale(double alpha) {
  return log_interpolate(1.0 / (1.0 + 1.0 / (alpha * alpha)), std::sqrt(2.0), 2.0);
}

double unit_loss_grad(int64_t vocab_size) {
  const auto vocab = static_cast<double>(vocab_size);
  return vocab / std::sqrt(vocab - 1.0);
}

std::vector<ResidualScale> unit_residuals(int64_t num_layers,
                                          double alpha_res,
                                          double alpha_res_attn_ratio) {
  const double ratio2 = alpha_res_attn_ratio * alpha_res_attn_ratio;
  const double mlp2 = 2.0 * alpha_res * alpha_res / (1.0 + ratio2);
  const double attention2 = ratio2 * mlp2;
  std::vector<ResidualScale> scales;
  for (int64_t branch = 0; branch < 2 * num_layers; ++branch) {
    const bool is_attention = branch % 2 == 0;
    const auto attention_before = static_cast<double>((branch + 1) / 2);
    const auto mlp_before = static_cast<double>(branch / 2);
    const double tau2 =
        (is_attention ? attention2 : mlp2) /
        (static_cast<double>(num_layers) + attention_before * attention2 + mlp_before * mlp2);
    const double weight = std::sqrt(tau2 / (1.0 + tau2));
    scales.push_back(
        {.branch = weight, .skip = std::sqrt(1.0 / (1.0 + tau2)), .grad_at_split = weight});
  }
  return scales;
}

Parametrization make_u_mup(const cost::Architecture& arch, const ParametrizationOptions& options) {
  const auto root = [](int64_t n) { return std::sqrt(static_cast<double>(n)); };
  const double root_depth = root(arch.num_layers);

  Parametrization p;
  p.name = "u-mup";
  p.architecture = arch;
  p.tensors = list_tensors(arch, options.norm_gain.value_or(false));
  for (TensorRule& rule : p.tensors) {
    rule.grad_weight_per_sqrt_rows = true;
    const bool in_block = rule.name.starts_with("layers.");
    switch (rule.type) {
      case TensorType::kEmbedding:
        rule.grad_weight = root(arch.vocab_size);
        rule.lr = 1.0 / root(arch.d_model);
        break;
      case TensorType::kHidden: {
        const int64_t fan_out = rule.shape[0];
        const int64_t fan_in = rule.shape[1];
        rule.forward = 1.0 / root(fan_in);
        // The MLP's linears scale the gradient by fan_out: mirrored factors with the same total.
        rule.grad_input =
            1.0 / root(in_mlp(rule) && !options.mlp_to_output_scale ? fan_out : fan_in);
        rule.lr = 1.0 / root(fan_in) / root_depth;
        break;
      }
      case TensorType::kNorm:
        rule.lr = in_block ? 1.0 / root_depth : 1.0;
        break;
      case TensorType::kOutput:
        rule.forward = 1.0 / static_cast<double>(arch.d_model);
        rule.grad_input = 1.0 / root(arch.vocab_size);
        break;
    }
  }

  const Alphas& alphas = options.alphas;
  p.attention_logits = alphas.attn_softmax / static_cast<double>(arch.head_size());
  p.attention_output = unit_attention_scale(arch.seq_len, arch.head_size(), alphas.attn_softmax);
  p.attention_grad = p.attention_output;
  p.glu_alpha = alphas.ffn_act;
  p.glu_scale = unit_glu_scale(alphas.ffn_act);
  p.residuals = unit_residuals(arch.num_layers, alphas.res, alphas.res_attn_ratio);
  p.loss_logits = alphas.loss_softmax;
  p.loss_grad = unit_loss_grad(arch.vocab_size);
  p.loss_grad_mean = false;
  return p;
}

}  // namespace ff::model
