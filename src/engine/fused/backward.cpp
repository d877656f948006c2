// SPDX-License-Identifier: MIT
#include "network.h"

namespace ff::engine::fused {

void Network::back(size_t index,
                   int64_t positions,
                   const BatchSize& batch,
                   const float* dy,
                   double dy_scale,
                   const float* x,
                   bool add,
                   float* dx,
                   float* grads) const {
  const Slot& slot = slots_[index];
  const model::LinearScale scale = model::scale_for(*slot.rule, batch.positions);
  linear_grad_weight(slot.precision,
                     positions,
                     slot.fan_out,
                     slot.fan_in,
                     dy,
                     x,
                     as_float(scale.grad_weight * dy_scale),
                     true,
                     grads + slot.offset);
  packed_product(slot.precision,
                 Pass::kGradInput,
                 positions,
                 slot.fan_out,
                 slot.fan_in,
                 dy,
                 slot.backward_panels.data(),
                 as_float(scale.grad_input * dy_scale),
                 add,
                 dx);
}

void Network::norm_backward(Workspace& w,
                            std::optional<size_t> gain,
                            const float* weights,
                            int64_t positions,
                            const BatchSize& batch,
                            const NormBuffers& norm,
                            float* dx,
                            float* grads) const {
  const int64_t d = p_.architecture.d_model;
  float* dy = w.d_branch.data();
  if (gain) {
    const Slot& slot = slots_[*gain];
    const model::LinearScale scale = model::scale_for(*slot.rule, batch.positions);
    gain_grad(
        positions, d, as_float(scale.grad_weight), norm.normed.data(), dy, grads + slot.offset);
    apply_gain(positions, d, weights + slot.offset, dy, dy);
  }
  rms_norm_backward(positions, d, norm.normed.data(), norm.inverse_rms.data(), dy, dx);
}

void Network::backward(Workspace& w,
                       const float* weights,
                       const Block& block,
                       const BatchSize& batch,
                       float* grads) const {
  const cost::Architecture& arch = p_.architecture;
  const int64_t d = arch.d_model;
  const int64_t positions = block.rows * seq_len_;
  float* d_stream = w.d_stream.data();
  float* d_branch = w.d_branch.data();
  norm_backward(w, final_norm_, weights, positions, batch, w.final_norm, d_stream, grads);
  // d_branch holds the gradient behind a norm; `branch` is free to hold the one in front of it.
  const auto through_norm =
      [&](std::optional<size_t> gain, const NormBuffers& norm, const model::ResidualScale& scale) {
        norm_backward(w, gain, weights, positions, batch, norm, w.branch.data(), grads);
        scaled_sum(positions * d,
                   as_float(scale.grad_at_split),
                   w.branch.data(),
                   as_float(scale.skip),
                   d_stream,
                   d_stream);
      };
  const auto back_to =
      [&](size_t slot, const float* dy, double dy_scale, const float* x, bool add, float* dx) {
        back(slot, positions, batch, dy, dy_scale, x, add, dx, grads);
      };
  for (size_t l = layers_.size(); l-- > 0;) {
    LayerBuffers& layer = w.layers[l];
    const LayerSlots& slot = layers_[l];
    const model::ResidualScale& mlp = p_.residuals[2 * l + 1];
    float* d_up = w.d_wide.data();
    float* d_gate = w.d_gate.data();
    float* act = layer.act.data();
    // The gradient of `act` takes its place: swiglu_backward needs up and gate only.
    back_to(slot.down, d_stream, mlp.grad_at_add, act, false, act);
    swiglu_backward(positions * arch.d_ff,
                    as_float(p_.glu_alpha),
                    as_float(p_.glu_scale),
                    layer.up.data(),
                    layer.gate.data(),
                    act,
                    d_up,
                    d_gate);
    back_to(slot.up, d_up, 1.0, layer.mlp_norm.output(), false, d_branch);
    back_to(slot.gate, d_gate, 1.0, layer.mlp_norm.output(), true, d_branch);
    through_norm(slot.mlp_norm, layer.mlp_norm, mlp);

    const model::ResidualScale& attn = p_.residuals[2 * l];
    float* d_qkv = w.d_wide.data();
    back_to(slot.attn_out, d_stream, attn.grad_at_add, layer.mixed.data(), false, w.branch.data());
    attention_backward(attention_shape(block.rows),
                       layer.qkv.data(),
                       layer.weights.data(),
                       w.branch.data(),
                       d_qkv);
    back_to(slot.qkv, d_qkv, 1.0, layer.attn_norm.output(), false, d_branch);
    through_norm(slot.attn_norm, layer.attn_norm, attn);
  }
  const auto scale = as_float(model::scale_for(*slots_.front().rule, batch.positions).grad_weight);
  for (int64_t row = 0; row < block.rows; ++row) {
    for (int64_t t = 0; t < seq_len_; ++t) {
      const int64_t token = block.tokens[size(row * (seq_len_ + 1) + t)];
      const float* from = d_stream + (row * seq_len_ + t) * d;
      float* into = grads + token * d;
      for (int64_t i = 0; i < d; ++i) {
        into[i] += scale * from[i];
      }
    }
  }
}

}  // namespace ff::engine::fused
