// SPDX-License-Identifier: MIT
#include "network.h"

#include <algorithm>

namespace ff::engine::fused {

void Network::back(const Slot& slot,
                   int64_t positions,
                   int64_t batch_rows,
                   const float* dy,
                   const float* x,
                   bool add,
                   float* dx,
                   float* grads) const {
  const model::LinearScale scale = model::scale_for(*slot.rule, batch_rows);
  linear_grad_weight(positions,
                     slot.fan_out,
                     slot.fan_in,
                     dy,
                     x,
                     as_float(scale.grad_weight),
                     true,
                     grads + slot.offset);
  packed_product(Pass::kGradInput,
                 positions,
                 slot.fan_out,
                 slot.fan_in,
                 dy,
                 slot.backward_panels.data(),
                 as_float(scale.grad_input),
                 add,
                 dx);
}

void Network::backward(std::span<const int32_t> tokens,
                       int64_t rows,
                       int64_t batch_rows,
                       float* grads) {
  const cost::Architecture& arch = p_.architecture;
  const int64_t d = arch.d_model;
  const int64_t positions = rows * seq_len_;
  rms_norm_backward(positions,
                    d,
                    normed_final_.data(),
                    inverse_final_.data(),
                    d_branch_.data(),
                    d_stream_.data());
  // d_branch_ holds the gradient behind the norm; branch_ is free to hold the one in front of it.
  const auto through_norm = [&](const std::vector<float>& normed,
                                const std::vector<float>& inverse,
                                const model::ResidualScale& scale) {
    rms_norm_backward(
        positions, d, normed.data(), inverse.data(), d_branch_.data(), branch_.data());
    scaled_sum(positions * d,
               as_float(scale.grad_at_split),
               branch_.data(),
               as_float(scale.skip),
               d_stream_.data(),
               d_stream_.data());
  };
  for (size_t l = layers_.size(); l-- > 0;) {
    LayerBuffers& layer = layers_[l];
    const Slot* slot = &slots_[1 + 5 * l];
    float* d_up = d_wide_.data();
    float* d_gate = d_gate_.data();
    // The gradient of `act` takes its place: swiglu_backward needs up and gate only.
    back(slot[4],
         positions,
         batch_rows,
         d_stream_.data(),
         layer.act.data(),
         false,
         layer.act.data(),
         grads);
    swiglu_backward(positions * arch.d_ff,
                    as_float(p_.glu_alpha),
                    as_float(p_.glu_scale),
                    layer.up.data(),
                    layer.gate.data(),
                    layer.act.data(),
                    d_up,
                    d_gate);
    const float* normed = layer.normed_mlp.data();
    back(slot[2], positions, batch_rows, d_up, normed, false, d_branch_.data(), grads);
    back(slot[3], positions, batch_rows, d_gate, normed, true, d_branch_.data(), grads);
    through_norm(layer.normed_mlp, layer.inverse_mlp, p_.residuals[2 * l + 1]);

    back(slot[1],
         positions,
         batch_rows,
         d_stream_.data(),
         layer.mixed.data(),
         false,
         branch_.data(),
         grads);
    attention_backward(attention_shape(rows),
                       layer.qkv.data(),
                       layer.weights.data(),
                       branch_.data(),
                       d_wide_.data());
    back(slot[0],
         positions,
         batch_rows,
         d_wide_.data(),
         layer.normed_attn.data(),
         false,
         d_branch_.data(),
         grads);
    through_norm(layer.normed_attn, layer.inverse_attn, p_.residuals[2 * l]);
  }
  const auto scale = as_float(model::scale_for(*slots_.front().rule, batch_rows).grad_weight);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t t = 0; t < seq_len_; ++t) {
      const int64_t token = tokens[size(row * (seq_len_ + 1) + t)];
      const float* from = &d_stream_[size((row * seq_len_ + t) * d)];
      float* into = grads + token * d;
      for (int64_t i = 0; i < d; ++i) {
        into[i] += scale * from[i];
      }
    }
  }
}

}  // namespace ff::engine::fused
