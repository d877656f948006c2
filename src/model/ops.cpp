// SPDX-License-Identifier: MIT
#include "ops_common.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ff::model {
namespace {

bool on_linear_kernel(const Tensor& x, const Tensor& weight) {
  return on_cpu_kernels(x) && x.is_contiguous() && weight.is_contiguous() &&
         cpu::linear_serves(weight.size(0), weight.size(1));
}

/// The weight is packed anew for each product: autograd does not say when it changed.
void kernel_product(
    cpu::Pass pass, const Tensor& a, const Tensor& weight, double scale, Tensor& c) {
  static thread_local std::vector<float> panels;
  panels.resize(std::max(panels.size(), static_cast<size_t>(weight.numel())));
  cpu::pack(pass, weight.size(0), weight.size(1), data(weight), panels.data());
  cpu::product(pass,
               a.size(0),
               weight.size(0),
               weight.size(1),
               data(a),
               panels.data(),
               static_cast<float>(scale),
               false,
               mutable_data(c));
}

/// a x + b y.
Tensor scaled_sum(double a, const Tensor& x, double b, const Tensor& y) {
  if (on_cpu_kernels(x) && x.is_contiguous() && y.is_contiguous()) {
    Tensor out = torch::empty_like(x);
    cpu::scaled_sum(x.numel(),
                    static_cast<float>(a),
                    data(x),
                    static_cast<float>(b),
                    data(y),
                    mutable_data(out));
    return out;
  }
  return (x * a).add_(y, b);
}

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
    if (on_linear_kernel(x, weight)) {
      Tensor y = torch::empty({x.size(0), weight.size(0)}, x.options());
      kernel_product(cpu::Pass::kForward, x, weight, forward_scale, y);
      return y;
    }
    return at::mm(x, weight.t()).mul_(forward_scale);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor& weight = saved[1];
    if (on_linear_kernel(saved[0], weight)) {
      const Tensor dy = grads[0].contiguous();
      const int64_t rows = dy.size(0);
      Tensor dx = torch::empty_like(saved[0]);
      Tensor dw = torch::empty_like(weight);
      kernel_product(
          cpu::Pass::kGradInput, dy, weight, ctx->saved_data["grad_input"].toDouble(), dx);
      cpu::linear_grad_weight(rows,
                              weight.size(0),
                              weight.size(1),
                              data(dy),
                              data(saved[0]),
                              to_float(ctx->saved_data["grad_weight"]),
                              false,
                              mutable_data(dw));
      return {dx, dw, Tensor(), Tensor(), Tensor()};
    }
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
  static Tensor forward(AutogradContext* ctx, const Tensor& input, double eps) {
    const Tensor x = input.contiguous();
    if (on_cpu_kernels(x)) {
      const Tensor y = torch::empty_like(x);
      const Tensor inverse = torch::empty({x.size(0), 1}, x.options());
      cpu::rms_norm_forward(x.size(0),
                            x.size(1),
                            static_cast<float>(eps),
                            data(x),
                            mutable_data(y),
                            mutable_data(inverse));
      ctx->save_for_backward({y, inverse});
      return y;
    }
    const Tensor inverse_rms = x.square().mean(-1, /*keepdim=*/true).add_(eps).rsqrt_();
    const Tensor y = x * inverse_rms;
    ctx->save_for_backward({y, inverse_rms});
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor& y = saved[0];
    if (on_cpu_kernels(y)) {
      const Tensor dy = grads[0].contiguous();
      Tensor dx = torch::empty_like(y);
      cpu::rms_norm_backward(
          y.size(0), y.size(1), data(y), data(saved[1]), data(dy), mutable_data(dx));
      return {dx, Tensor()};
    }
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
    if (on_cpu_kernels(up)) {
      const Tensor out = torch::empty_like(up);
      cpu::swiglu_forward(up.numel(),
                          static_cast<float>(alpha),
                          static_cast<float>(scale),
                          data(up),
                          data(gate),
                          mutable_data(out));
      return out;
    }
    return (gate * alpha).sigmoid_().mul_(gate).mul_(up).mul_(scale);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor& up = saved[0];
    const Tensor& gate = saved[1];
    const double alpha = ctx->saved_data["alpha"].toDouble();
    if (on_cpu_kernels(up)) {
      const Tensor dout = grads[0].contiguous();
      Tensor dup = torch::empty_like(up);
      Tensor dgate = torch::empty_like(gate);
      cpu::swiglu_backward(up.numel(),
                           static_cast<float>(alpha),
                           to_float(ctx->saved_data["scale"]),
                           data(up),
                           data(gate),
                           data(dout),
                           mutable_data(dup),
                           mutable_data(dgate));
      return {dup, dgate, Tensor(), Tensor()};
    }
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
    return {scaled_sum(ctx->saved_data["branch"].toDouble(),
                       grads[0],
                       ctx->saved_data["skip"].toDouble(),
                       grads[1]),
            Tensor(),
            Tensor()};
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
    return scaled_sum(branch_scale, branch, skip_scale, skip);
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
    Tensor dlogits;
    Tensor losses;
    if (on_cpu_kernels(logits)) {
      dlogits = torch::empty_like(logits);
      losses = torch::empty({logits.size(0)}, logits.options());
      cpu::cross_entropy(logits.size(0),
                         logits.size(1),
                         static_cast<float>(logit_scale),
                         static_cast<float>(row_grad),
                         data(logits),
                         targets.data_ptr<int64_t>(),
                         mutable_data(losses),
                         mutable_data(dlogits));
    } else {
      const Tensor log_probs = at::_log_softmax(logits * logit_scale, -1, false);
      const Tensor index = targets.clamp_min(0).unsqueeze(1);
      losses = log_probs.gather(1, index).squeeze(1).neg_().mul_(scored);
      dlogits = log_probs.exp_();
      dlogits.scatter_add_(1, index, torch::full_like(index, -1, dlogits.options()));
      dlogits.mul_(scored.unsqueeze(1)).mul_(row_grad);
    }
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
  if (on_cpu_kernels(logits)) {
    const Tensor losses = torch::empty({logits.size(0)}, logits.options());
    cpu::cross_entropy(logits.size(0),
                       logits.size(1),
                       static_cast<float>(logit_scale),
                       1.0F,
                       data(logits),
                       targets.data_ptr<int64_t>(),
                       mutable_data(losses),
                       nullptr);
    return losses;
  }
  const Tensor log_probs = at::_log_softmax(logits * logit_scale, -1, false);
  return log_probs.gather(1, targets.unsqueeze(1)).squeeze(1).neg_();
}

}  // namespace ff::model
