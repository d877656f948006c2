// SPDX-License-Identifier: MIT
#include "flops_fit/model/describe.h"

#include "flops_fit/io/sweep.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>

namespace ff::model {
namespace {

/// A factor on the gradient of the weights; N is the number of rows of a batch.
std::string grad_weight_text(const TensorRule& rule) {
  return rule.grad_weight_per_sqrt_rows ? fmt::format("{:.4g}/sqrt(N)", rule.grad_weight)
                                        : fmt::format("{:.4g}", rule.grad_weight);
}

/// Share of the tensor that a step at the peak learning rate removes.
double decay_of(const Parametrization& p, const TensorRule& rule, const Tuned& tuned) {
  return rule.weight_decay * p.decay_per_step(tuned.weight_decay, tuned.learning_rate);
}

}  // namespace

std::string describe(const Parametrization& p, const Tuned& tuned) {
  const cost::Architecture& arch = p.architecture;
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out,
                 "{}: d_model {}, {} layers, {} heads of {}, d_ff {}, vocabulary {}, {} tokens per "
                 "row; {} parameters\neta = {:g}, weight decay = {:g}\n\n",
                 p.name,
                 arch.d_model,
                 arch.num_layers,
                 arch.num_heads,
                 arch.head_size(),
                 arch.d_ff,
                 arch.vocab_size,
                 arch.seq_len,
                 p.num_parameters(),
                 tuned.learning_rate,
                 tuned.weight_decay);
  fmt::format_to(out,
                 "{:<20}{:<11}{:<14}{:>9}{:>10}{:>10}{:>18}{:>11}{:>12}\n",
                 "tensor",
                 "type",
                 "shape",
                 "init std",
                 "forward",
                 "grad x",
                 "grad W",
                 "lr",
                 "decay/step");
  for (const TensorRule& rule : p.tensors) {
    const bool norm = rule.type == TensorType::kNorm;
    fmt::format_to(out,
                   "{:<20}{:<11}{:<14}{:>9}{:>10.4g}{:>10.4g}{:>18}{:>11.4g}{:>12.4g}\n",
                   rule.name,
                   to_string(rule.type),
                   fmt::format("{}", fmt::join(rule.shape, " x ")),
                   norm ? "ones" : fmt::format("{:.4g}", rule.init_std),
                   rule.forward,
                   rule.grad_input,
                   grad_weight_text(rule),
                   tuned.learning_rate * rule.lr,
                   decay_of(p, rule, tuned));
  }
  fmt::format_to(out,
                 "\nattention  logits x {:.4g}, output x {:.4g}, gradients of q, k, v x {:.4g}\n"
                 "SwiGLU     {:.4g} * up * gate * sigmoid({:g} * gate)\n",
                 p.attention_logits,
                 p.attention_output,
                 p.attention_grad,
                 p.glu_scale,
                 p.glu_alpha);
  for (size_t i = 0; i < p.residuals.size(); ++i) {
    const ResidualScale& r = p.residuals[i];
    fmt::format_to(
        out,
        "residual   layer {} {:<9} {:.4g} * branch + {:.4g} * skip; gradient of the branch "
        "x {:.4g} at the split, x {:.4g} at the sum\n",
        i / 2,
        i % 2 == 0 ? "attention" : "MLP",
        r.branch,
        r.skip,
        r.grad_at_split,
        r.grad_at_add);
  }
  fmt::format_to(out,
                 "loss       logits x {:.4g}; gradient {:.4g} * (softmax - onehot) of each row{}\n",
                 p.loss_logits,
                 p.loss_grad,
                 p.loss_grad_mean ? ", divided by the rows" : "");
  return text;
}

io::Json to_json(const Parametrization& p, const Tuned& tuned) {
  io::Json json = {{"parametrization", p.name},
                   {"architecture", io::to_json(p.architecture)},
                   {"num_parameters", p.num_parameters()},
                   {"learning_rate", tuned.learning_rate},
                   {"weight_decay", tuned.weight_decay},
                   {"norm_eps", p.norm_eps},
                   {"tensors", io::Json::array()}};
  for (const TensorRule& rule : p.tensors) {
    const double learning_rate = tuned.learning_rate * rule.lr;
    const double decay = decay_of(p, rule, tuned);
    json["tensors"].push_back(
        {{"name", rule.name},
         {"type", to_string(rule.type)},
         {"shape", rule.shape},
         {"init_std", rule.type == TensorType::kNorm ? io::Json(nullptr) : io::Json(rule.init_std)},
         {"forward", rule.forward},
         {"grad_input", rule.grad_input},
         {"grad_weight", rule.grad_weight},
         {"grad_weight_per_sqrt_rows", rule.grad_weight_per_sqrt_rows},
         {"learning_rate", learning_rate},
         {"weight_decay_per_step", decay},
         {"adamw_weight_decay",
          learning_rate > 0 ? io::Json(decay / learning_rate) : io::Json(nullptr)}});
  }
  json["attention"] = {{"logits", p.attention_logits},
                       {"output", p.attention_output},
                       {"gradient", p.attention_grad}};
  json["swiglu"] = {{"alpha", p.glu_alpha}, {"scale", p.glu_scale}};
  json["residuals"] = io::Json::array();
  for (const ResidualScale& r : p.residuals) {
    json["residuals"].push_back({{"branch", r.branch},
                                 {"skip", r.skip},
                                 {"grad_at_split", r.grad_at_split},
                                 {"grad_at_add", r.grad_at_add}});
  }
  json["loss"] = {{"logits", p.loss_logits}, {"gradient", p.loss_grad}, {"mean", p.loss_grad_mean}};
  return json;
}

}  // namespace ff::model
