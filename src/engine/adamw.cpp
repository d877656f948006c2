// SPDX-License-Identifier: MIT
#include "flops_fit/engine/adamw.h"

#include <algorithm>
#include <cmath>

namespace ff::engine {
namespace {

/// A flat tensor like `weights` that holds `field` of each weight's rule.
torch::Tensor spread(const model::Parametrization& p,
                     const torch::Tensor& weights,
                     double model::TensorRule::*field) {
  torch::Tensor factors = torch::empty_like(weights);
  int64_t offset = 0;
  for (const model::TensorRule& rule : p.tensors) {
    factors.narrow(0, offset, rule.numel()).fill_(rule.*field);
    offset += rule.numel();
  }
  return factors;
}

}  // namespace

AdamW::AdamW(const model::Parametrization& p,
             const OptimizerOptions& options,
             const torch::Tensor& flat_weights)
    : first_moment(torch::zeros_like(flat_weights)),
      second_moment(torch::zeros_like(flat_weights)),
      lr_factors(spread(p, flat_weights, &model::TensorRule::lr)),
      parametrization_(p),
      options_(options) {
  const bool uniform = std::all_of(p.tensors.begin(), p.tensors.end(), [](const auto& rule) {
    return rule.weight_decay == 1.0;
  });
  if (!uniform) {
    decay_factors_ = spread(p, flat_weights, &model::TensorRule::weight_decay);
  }
}

double AdamW::step(torch::Tensor weights, torch::Tensor grads, const StepOptions& options) {
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
  const double decay = options.schedule_factor *
                       parametrization_.decay_per_step(options.weight_decay, options.learning_rate);
  if (decay > 0) {
    if (decay_factors_.defined()) {
      weights.mul_(1.0 - decay_factors_ * decay);
    } else {
      weights.mul_(1.0 - decay);
    }
  }
  const double learning_rate = options.learning_rate * options.schedule_factor;
  weights.addcdiv_(first_moment * lr_factors, root, -learning_rate / correction1);
  return grad_rms;
}

}  // namespace ff::engine
