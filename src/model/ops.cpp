// SPDX-License-Identifier: MIT
#include "ops_common.h"

namespace ff::model {
namespace {

struct LinearOp : Function<LinearOp> {
  static Tensor forward(AutogradContext* ctx,
                        const Tensor& x,
                        const Tensor& weight,
                        double forward_scale,
                        double grad_input,
                        double grad_weight) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["grad_input"] = grad_input;
    ctx->saved_data["grad_weight"] = grad_weight;
    return at::mm(x, weight.t()).mul_(forward_scale);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor& weight = saved[1];
    const Tensor& grad = grads[0];
    Tensor dx = at::mm(grad, weight).mul_(ctx->saved_data["grad_input"].toDouble());
    Tensor dw = at::mm(grad.t(), saved[0]).mul_(ctx->saved_data["grad_weight"].toDouble());
    return {dx, dw, Tensor(), Tensor(), Tensor()};
  }
};

struct EmbeddingOp : Function<EmbeddingOp> {
  static Tensor forward(AutogradContext* ctx,
                        const Tensor& table,
                        const Tensor& ids,
                        double grad_weight) {
    ctx->save_for_backward({ids});
    ctx->saved_data["vocab"] = table.size(0);
    ctx->saved_data["grad_weight"] = grad_weight;
    return table.index_select(0, ids);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const Tensor ids = ctx->get_saved_variables()[0];
    Tensor dtable =
        torch::zeros({ctx->saved_data["vocab"].toInt(), grads[0].size(1)}, grads[0].options());
    dtable.index_add_(0, ids, grads[0]).mul_(ctx->saved_data["grad_weight"].toDouble());
    return {dtable, Tensor(), Tensor()};
  }
};

struct RmsNormOp : Function<RmsNormOp> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, double eps) {
    const Tensor inverse_rms = x.square().mean(-1, /*keepdim=*/true).add_(eps).rsqrt_();
    const Tensor y = x * inverse_rms;
    ctx->save_for_backward({y, inverse_rms});
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor& y = saved[0];
    // d/dx of x/r: (g - y mean(g y)) / r; eps sits inside r, so the formula is exact.
    const Tensor projection = (grads[0] * y).mean(-1, /*keepdim=*/true);
    return {(grads[0] - y * projection).mul_(saved[1]), Tensor()};
  }
};

struct GainOp : Function<GainOp> {
  static Tensor forward(AutogradContext* ctx,
                        const Tensor& x,
                        const Tensor& gain,
                        double grad_scale) {
    ctx->save_for_backward({x, gain});
    ctx->saved_data["grad_scale"] = grad_scale;
    return x * gain;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    Tensor dgain = (grads[0] * saved[0]).sum(0).mul_(ctx->saved_data["grad_scale"].toDouble());
    return {grads[0] * saved[1], dgain, Tensor()};
  }
};

struct SwigluOp : Function<SwigluOp> {
  static Tensor forward(
      AutogradContext* ctx, const Tensor& up, const Tensor& gate, double alpha, double scale) {
    ctx->save_for_backward({up, gate});
    ctx->saved_data["alpha"] = alpha;
    ctx->saved_data["scale"] = scale;
    return (gate * alpha).sigmoid_().mul_(gate).mul_(up).mul_(scale);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor& up = saved[0];
    const Tensor& gate = saved[1];
    const double alpha = ctx->saved_data["alpha"].toDouble();
    const Tensor sigmoid = (gate * alpha).sigmoid_();
    const Tensor grad = grads[0] * ctx->saved_data["scale"].toDouble();
    const Tensor activation = gate * sigmoid;
    Tensor dup = grad * activation;
    // d(g s(ag))/dg = s + a g s (1 - s).
    Tensor slope = (1.0 - sigmoid).mul_(activation).mul_(alpha).add_(sigmoid);
    Tensor dgate = slope.mul_(up).mul_(grad);
    return {dup, dgate, Tensor(), Tensor()};
  }
};

struct ResidualSplitOp : Function<ResidualSplitOp> {
  static variable_list forward(AutogradContext* ctx,
                               const Tensor& x,
                               double branch_grad,
                               double skip_grad) {
    ctx->saved_data["branch"] = branch_grad;
    ctx->saved_data["skip"] = skip_grad;
    // Two views, as autograd wants two distinct outputs.
    return {x.view_as(x), x.view_as(x)};
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    Tensor dx = (grads[0] * ctx->saved_data["branch"].toDouble())
                    .add_(grads[1], ctx->saved_data["skip"].toDouble());
    return {dx, Tensor(), Tensor()};
  }
};

struct ResidualAddOp : Function<ResidualAddOp> {
  static Tensor forward(AutogradContext* ctx,
                        const Tensor& branch,
                        const Tensor& skip,
                        double branch_scale,
                        double skip_scale,
                        double branch_grad) {
    ctx->saved_data["branch_grad"] = branch_grad;
    return (branch * branch_scale).add_(skip, skip_scale);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const double scale = ctx->saved_data["branch_grad"].toDouble();
    const Tensor branch = scale == 1.0 ? grads[0] : grads[0] * scale;
    return {branch, grads[0], Tensor(), Tensor(), Tensor()};
  }
};

struct CrossEntropyOp : Function<CrossEntropyOp> {
  static Tensor forward(AutogradContext* ctx,
                        const Tensor& logits,
                        const Tensor& targets,
                        double logit_scale,
                        double grad_scale,
                        bool mean) {
    const Tensor scored = targets.ge(0);
    const double rows = static_cast<double>(scored.sum().item<int64_t>());
    const double row_grad = mean ? grad_scale / rows : grad_scale;
    // The gradient is made here, in the pass over the logits that the loss needs anyway.
    const Tensor log_probs = at::_log_softmax(logits * logit_scale, -1, false);
    const Tensor index = targets.clamp_min(0).unsqueeze(1);
    const Tensor losses = log_probs.gather(1, index).squeeze(1).neg_().mul_(scored);
    Tensor dlogits = log_probs.exp_();
    dlogits.scatter_add_(1, index, torch::full_like(index, -1, dlogits.options()));
    dlogits.mul_(scored.unsqueeze(1)).mul_(row_grad);
    ctx->save_for_backward({dlogits});
    // Summed in double: a batch may have thousands of rows.
    return losses.to(torch::kFloat64).sum().div_(rows).to(logits.scalar_type());
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    Tensor dlogits = ctx->get_saved_variables()[0];
    // Usually 1; the pass over rows x vocab is worth saving. (On CUDA, reading it would wait.)
    if (!grads[0].is_cpu() || grads[0].item<double>() != 1.0) {
      dlogits = dlogits * grads[0];
    }
    return {dlogits, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const LinearScale& scale) {
  return LinearOp::apply(x, weight, scale.forward, scale.grad_input, scale.grad_weight);
}

Tensor embedding(const Tensor& ids, const Tensor& table, const LinearScale& scale) {
  return EmbeddingOp::apply(table, ids, scale.grad_weight);
}

Tensor rms_norm(const Tensor& x, double eps) {
  return RmsNormOp::apply(x, eps);
}

Tensor apply_gain(const Tensor& x, const Tensor& gain, double grad_scale) {
  return GainOp::apply(x, gain, grad_scale);
}

Tensor swiglu(const Tensor& up, const Tensor& gate, double alpha, double scale) {
  return SwigluOp::apply(up, gate, alpha, scale);
}

Streams residual_split(const Tensor& x, const ResidualScale& scale) {
  const variable_list both = ResidualSplitOp::apply(x, scale.grad_at_split, scale.skip);
  return {.branch = both[0], .skip = both[1]};
}

Tensor residual_add(const Tensor& branch, const Tensor& skip, const ResidualScale& scale) {
  return ResidualAddOp::apply(branch, skip, scale.branch, scale.skip, scale.grad_at_add);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const LossScale& scale) {
  return CrossEntropyOp::apply(logits, targets, scale.logits, scale.grad, scale.mean);
}

Tensor row_losses(const Tensor& logits, const Tensor& targets, double logit_scale) {
  const Tensor log_probs = at::_log_softmax(logits * logit_scale, -1, false);
  return log_probs.gather(1, targets.unsqueeze(1)).squeeze(1).neg_();
}

}  // namespace ff::model
