// SPDX-License-Identifier: MIT
// u-muP: unit scale for every activation, weight and gradient at initialisation, and learning rates
// that one eta serves at every width and depth. Multipliers of the authors' library.
#include "param.h"

#include "flops_fit/model/parametrization.h"

#include <algorithm>
#include <cmath>

namespace ff::model {
namespace {

/// Logarithmic interpolation: high^a * low^(1-a).
double log_interpolate(double a, double high, double low) {
  return std::exp(a * std::log(high) + (1.0 - a) * std::log(low));
}

TensorRule hidden(
    std::string name, int64_t fan_out, int64_t fan_in, int64_t grad_fan, int64_t num_layers) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(fan_in));
  return {.name = std::move(name),
          .type = TensorType::kHidden,
          .shape = {fan_out, fan_in},
          .init_std = 1.0,
          .forward = scale,
          .grad_input = 1.0 / std::sqrt(static_cast<double>(grad_fan)),
          .grad_weight = 1.0,
          .grad_weight_per_sqrt_rows = true,
          .lr = scale / std::sqrt(static_cast<double>(num_layers))};
}

}  // namespace

double unit_attention_scale(int64_t seq_len, int64_t head_size, double alpha) {
  // Below T = 3 ln(T)/T is not monotone, and at T = 1 it is 0: one key needs no correction.
  if (seq_len < 2) {
    return 1.0;
  }
  const auto t = static_cast<double>(seq_len);
  const double weight = 1.0 / (1.0 + 4.0 * static_cast<double>(head_size) / (alpha * alpha));
  return 1.0 / log_interpolate(weight, 1.0, std::sqrt(std::log(t) / t));
}

double unit_glu_scale(double alpha) {
  return log_interpolate(1.0 / (1.0 + 1.0 / (alpha * alpha)), std::sqrt(2.0), 2.0);
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
    scales.push_back(
        {.branch = std::sqrt(tau2 / (1.0 + tau2)), .skip = std::sqrt(1.0 / (1.0 + tau2))});
  }
  return scales;
}

Parametrization make_u_mup(const cost::Architecture& arch, const ParametrizationOptions& options) {
  const int64_t d = arch.d_model;
  const int64_t f = arch.d_ff;
  const int64_t layers = arch.num_layers;
  const auto vocab = static_cast<double>(arch.vocab_size);
  const double root_d = std::sqrt(static_cast<double>(d));

  Parametrization p;
  p.name = "u-mup";
  p.architecture = arch;
  p.tensors.push_back({.name = "embedding",
                       .type = TensorType::kEmbedding,
                       .shape = {arch.vocab_size, d},
                       .grad_weight = std::sqrt(vocab),
                       .grad_weight_per_sqrt_rows = true,
                       .lr = 1.0 / root_d});
  for (int64_t layer = 0; layer < layers; ++layer) {
    const std::string prefix = "layers." + std::to_string(layer) + ".";
    p.tensors.push_back(hidden(prefix + "qkv", 3 * d, d, d, layers));
    p.tensors.push_back(hidden(prefix + "attn_out", d, d, d, layers));
    // The MLP's linears scale the gradient by fan_out: mirrored factors with the same total.
    p.tensors.push_back(hidden(prefix + "up", f, d, f, layers));
    p.tensors.push_back(hidden(prefix + "gate", f, d, f, layers));
    p.tensors.push_back(hidden(prefix + "down", d, f, d, layers));
  }
  p.tensors.push_back({.name = "output",
                       .type = TensorType::kOutput,
                       .shape = {arch.vocab_size, d},
                       .forward = 1.0 / static_cast<double>(d),
                       .grad_input = 1.0 / std::sqrt(vocab),
                       .grad_weight = 1.0,
                       .grad_weight_per_sqrt_rows = true,
                       .lr = 1.0});

  const Alphas& alphas = options.alphas;
  p.attention_logits = alphas.attn_softmax / static_cast<double>(arch.head_size());
  p.attention_output = unit_attention_scale(arch.seq_len, arch.head_size(), alphas.attn_softmax);
  p.attention_grad = p.attention_output;
  p.glu_alpha = alphas.ffn_act;
  p.glu_scale = unit_glu_scale(alphas.ffn_act);
  p.residuals = unit_residuals(layers, alphas.res, alphas.res_attn_ratio);
  p.loss_logits = alphas.loss_softmax;
  p.loss_grad = vocab / std::sqrt(vocab - 1.0);
  p.loss_grad_mean = false;
  return p;
}

}  // namespace ff::model
