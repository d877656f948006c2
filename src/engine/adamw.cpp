// SPDX-License-Identifier: MIT
#include "adamw.h"

#include <cmath>

namespace ff::engine {

AdamW::AdamW(const model::Parametrization& p,
             const OptimizerOptions& options,
             const torch::Tensor& flat_weights)
    : first_moment(torch::zeros_like(flat_weights)),
      second_moment(torch::zeros_like(flat_weights)),
      options_(options),
      lr_factors_(torch::empty_like(flat_weights)) {
  int64_t offset = 0;
  for (const model::TensorRule& rule : p.tensors) {
    lr_factors_.narrow(0, offset, rule.numel()).fill_(rule.lr);
    offset += rule.numel();
  }
}

double AdamW::step(torch::Tensor weights,
                   torch::Tensor grads,
                   double learning_rate,
                   double weight_decay) {
  const torch::NoGradGuard no_grad;
  const double grad_rms =
      grads.norm().item<double>() / std::sqrt(static_cast<double>(grads.numel()));
  if (options_.max_grad_rms > 0 && grad_rms > options_.max_grad_rms) {
    grads.mul_(options_.max_grad_rms / grad_rms);
  }
  ++steps;
  const auto t = static_cast<double>(steps);
  const double correction1 = 1.0 - std::pow(options_.beta1, t);
  const double correction2 = 1.0 - std::pow(options_.beta2, t);
  first_moment.mul_(options_.beta1).add_(grads, 1.0 - options_.beta1);
  second_moment.mul_(options_.beta2).addcmul_(grads, grads, 1.0 - options_.beta2);
  const torch::Tensor root =
      second_moment.sqrt().mul_(1.0 / std::sqrt(correction2)).add_(options_.eps);
  if (weight_decay > 0) {
    weights.mul_(1.0 - weight_decay);
  }
  weights.addcdiv_(first_moment * lr_factors_, root, -learning_rate / correction1);
  return grad_rms;
}

}  // namespace ff::engine
