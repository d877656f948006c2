// SPDX-License-Identifier: MIT
#include "ops_common.h"

#include <cmath>
#include <limits>

namespace ff::model {
namespace {

/// Rotates pairs (x_i, x_{i+h/2}) by the position's angle; `direction` -1 undoes it.
/// x is [..., seq_len, head_size] and is changed in place.
void rotate_(const Tensor& x, const Tensor& cos, const Tensor& sin, double direction) {
  const int64_t half = x.size(-1) / 2;
  const Tensor first = x.narrow(-1, 0, half);
  const Tensor second = x.narrow(-1, half, half);
  const Tensor turned = (first * sin).mul_(direction).add_(second * cos);
  first.mul_(cos).addcmul_(second, sin, -direction);
  second.copy_(turned);
}

/// The gradient of the first of AttentionOp's inputs; the others have none.
variable_list gradients(const Tensor& dqkv) {
  variable_list all(10);
  all[0] = dqkv;
  return all;
}

struct AttentionOp : Function<AttentionOp> {
  static Tensor forward(AutogradContext* ctx,
                        const Tensor& qkv,
                        const Tensor& cos,
                        const Tensor& sin,
                        int64_t batch,
                        int64_t seq_len,
                        int64_t num_heads,
                        double logit_scale,
                        double output_scale,
                        double grad_scale,
                        bool causal) {
    const int64_t d = qkv.size(1) / 3;
    const int64_t head = d / num_heads;
    ctx->saved_data["batch"] = batch;
    ctx->saved_data["seq_len"] = seq_len;
    ctx->saved_data["heads"] = num_heads;
    ctx->saved_data["logit_scale"] = logit_scale;
    ctx->saved_data["grad_scale"] = grad_scale;
    // [3, batch * heads, T, head]
    Tensor parts = qkv.view({batch, seq_len, 3, num_heads, head})
                       .permute({2, 0, 3, 1, 4})
                       .clone(at::MemoryFormat::Contiguous)  // a copy even for T = 1: changed below
                       .view({3, batch * num_heads, seq_len, head});
    rotate_(parts.narrow(0, 0, 2), cos, sin, 1.0);
    const Tensor q = parts[0];
    const Tensor k = parts[1];
    const Tensor v = parts[2];
    Tensor scores = at::bmm(q, k.transpose(1, 2)).mul_(logit_scale);
    if (causal) {
      const Tensor hidden =
          torch::ones({seq_len, seq_len}, qkv.options().dtype(torch::kBool)).triu_(1);
      scores.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
    }
    const Tensor weights = at::_softmax(scores, -1, /*half_to_float=*/false);
    const Tensor out = at::bmm(weights, v).mul_(output_scale);
    ctx->save_for_backward({parts, weights, cos, sin});
    return out.view({batch, num_heads, seq_len, head})
        .permute({0, 2, 1, 3})
        .reshape({batch * seq_len, d});
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor& weights = saved[1];
    const int64_t batch = ctx->saved_data["batch"].toInt();
    const int64_t seq_len = ctx->saved_data["seq_len"].toInt();
    const int64_t heads = ctx->saved_data["heads"].toInt();
    const double grad_scale = ctx->saved_data["grad_scale"].toDouble();
    const int64_t head = grads[0].size(1) / heads;
    const Tensor& parts = saved[0];
    const double logit_scale = ctx->saved_data["logit_scale"].toDouble() * grad_scale;
    const Tensor grad = grads[0]
                            .view({batch, seq_len, heads, head})
                            .permute({0, 2, 1, 3})
                            .reshape({batch * heads, seq_len, head});
    const Tensor dweights = at::bmm(grad, parts[2].transpose(1, 2));
    const Tensor dscores = at::_softmax_backward_data(dweights, weights, -1, weights.scalar_type());
    Tensor dparts = torch::empty_like(parts);
    Tensor dq = dparts[0];
    Tensor dk = dparts[1];
    Tensor dv = dparts[2];
    at::bmm_out(dq, dscores, parts[1]).mul_(logit_scale);
    at::bmm_out(dk, dscores.transpose(1, 2), parts[0]).mul_(logit_scale);
    at::bmm_out(dv, weights.transpose(1, 2), grad).mul_(grad_scale);
    rotate_(dparts.narrow(0, 0, 2), saved[2], saved[3], -1.0);
    Tensor dqkv = dparts.view({3, batch, heads, seq_len, head})
                      .permute({1, 3, 0, 2, 4})
                      .reshape({batch * seq_len, 3 * heads * head});
    return gradients(dqkv);
  }
};

}  // namespace

RotaryTables rotary_tables(int64_t seq_len,
                           int64_t head_size,
                           double base,
                           const torch::TensorOptions& options) {
  const auto wide = torch::TensorOptions().dtype(torch::kFloat64);
  const Tensor frequency = torch::arange(0, head_size, 2, wide)
                               .div_(static_cast<double>(head_size))
                               .mul_(-std::log(base))
                               .exp_();
  const Tensor angle = torch::outer(torch::arange(seq_len, wide), frequency);
  return {.cos = angle.cos().to(options), .sin = angle.sin().to(options)};
}

Tensor attention(const Tensor& qkv, const RotaryTables& rotary, const AttentionShape& s) {
  return AttentionOp::apply(qkv,
                            rotary.cos,
                            rotary.sin,
                            s.batch,
                            s.seq_len,
                            s.num_heads,
                            s.logit_scale,
                            s.output_scale,
                            s.grad_scale,
                            s.causal);
}

}  // namespace ff::model
