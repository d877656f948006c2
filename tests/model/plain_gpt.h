// SPDX-License-Identifier: MIT
#pragma once
// The same network once more, from plain LibTorch operations with forward multipliers only, so that
// autograd gives the true gradient of the mean loss.
#include "flops_fit/model/gpt.h"

#include <cmath>
#include <limits>
#include <vector>

namespace ff::test {

/// [batch, seq_len] -> [batch * seq_len, vocab]; `weights` in the table's order.
inline torch::Tensor plain_logits(const model::Parametrization& p,
                                  const std::vector<torch::Tensor>& weights,
                                  const torch::Tensor& ids) {
  using torch::Tensor;
  const int64_t seq_len = ids.size(1);
  const int64_t d = p.architecture.d_model;
  const int64_t heads = p.architecture.num_heads;
  const int64_t head = d / heads;
  size_t next = 0;
  const auto linear = [&](const Tensor& x) {
    const size_t i = next++;
    return torch::matmul(x, weights[i].t()) * p.tensors[i].forward;
  };
  const auto norm = [&](const Tensor& x) {
    Tensor y = x / torch::sqrt(x.square().mean(-1, true) + p.norm_eps);
    return p.has_gains() ? y * weights[next++] : y;
  };
  const Tensor frequency =
      torch::pow(10000.0, -torch::arange(0, head, 2, torch::kFloat64) / static_cast<double>(head));
  const Tensor angle = torch::outer(torch::arange(seq_len, torch::kFloat64), frequency);
  const Tensor cos = torch::cat({angle.cos(), angle.cos()}, -1);
  const Tensor sin = torch::cat({angle.sin(), angle.sin()}, -1);
  const auto rotate = [&](const Tensor& x) {  // [..., T, head]
    const Tensor half =
        torch::cat({-x.narrow(-1, head / 2, head / 2), x.narrow(-1, 0, head / 2)}, -1);
    return x * cos + half * sin;
  };
  const Tensor future = torch::ones({seq_len, seq_len}, torch::kBool).triu(1);

  Tensor x = torch::embedding(weights[next++], ids);
  for (int64_t layer = 0; layer < p.architecture.num_layers; ++layer) {
    const auto& attn = p.residuals[static_cast<size_t>(2 * layer)];
    const auto qkv = linear(norm(x)).split(d, -1);
    const auto split = [&](const Tensor& y) {
      return y.view({ids.size(0), seq_len, heads, head}).transpose(1, 2);
    };
    Tensor scores = torch::matmul(rotate(split(qkv[0])), rotate(split(qkv[1])).transpose(2, 3)) *
                    p.attention_logits;
    scores = scores.masked_fill(future, -std::numeric_limits<double>::infinity());
    const Tensor mixed = torch::matmul(torch::softmax(scores, -1), split(qkv[2]))
                             .transpose(1, 2)
                             .reshape(x.sizes()) *
                         p.attention_output;
    x = attn.branch * linear(mixed) + attn.skip * x;
    const auto& mlp = p.residuals[static_cast<size_t>(2 * layer + 1)];
    const Tensor normed = norm(x);
    const Tensor up = linear(normed);
    const Tensor gate = linear(normed);
    const Tensor hidden = p.glu_scale * up * gate * torch::sigmoid(p.glu_alpha * gate);
    x = mlp.branch * linear(hidden) + mlp.skip * x;
  }
  return linear(norm(x)).view({ids.numel(), p.architecture.vocab_size});
}

/// Mean over the targets that are not -1.
inline torch::Tensor plain_loss(const model::Parametrization& p,
                                const std::vector<torch::Tensor>& weights,
                                const torch::Tensor& ids,
                                const torch::Tensor& targets) {
  return torch::nn::functional::cross_entropy(
      plain_logits(p, weights, ids) * p.loss_logits,
      targets.reshape({-1}),
      torch::nn::functional::CrossEntropyFuncOptions().ignore_index(-1));
}

/// Copies of a model's weights, as leaves of their own.
inline std::vector<torch::Tensor> copies(const std::vector<torch::Tensor>& weights) {
  std::vector<torch::Tensor> out;
  for (const torch::Tensor& weight : weights) {
    out.push_back(weight.detach().clone().set_requires_grad(true));
  }
  return out;
}

}  // namespace ff::test
