// SPDX-License-Identifier: MIT
// Buffers, packing and the forward pass; backward.cpp has the other half.
#include "network.h"

#include "blocks.h"

#include <algorithm>
#include <cmath>

namespace ff::engine::fused {
namespace {

/// Thinner layers stay in float32: converting their factors costs more than their products, and
/// their few terms do not average the rounding out.
constexpr int64_t kLeastBf16 = 32;

/// Room behind a matrix for the vectors that kernels read past its end.
void reserve(Buffer& buffer, int64_t count) {
  buffer.resize(size(count + 2 * kMaxLanes));
}

}  // namespace

Network::Network(const model::Parametrization& p, const EngineOptions& options)
    : p_(p),
      seq_len_(p.architecture.seq_len),
      block_rows_(rows_of_block(p.architecture)),
      tile_(positions_of_tile(p.architecture.vocab_size)) {
  int64_t offset = 0;
  for (const model::TensorRule& rule : p_.tensors) {
    Slot slot{.rule = &rule, .offset = offset};
    if (rule.type == model::TensorType::kHidden || rule.type == model::TensorType::kOutput) {
      slot.fan_out = rule.shape[0];
      slot.fan_in = rule.shape[1];
      if (options.bf16_products && std::min(slot.fan_out, slot.fan_in) >= kLeastBf16) {
        slot.precision = Precision::kBf16;
      }
      const auto bytes = size(panels_bytes(slot.precision, slot.fan_out, slot.fan_in));
      slot.forward_panels.resize(bytes);
      slot.backward_panels.resize(bytes);
    }
    slots_.push_back(std::move(slot));
    offset += rule.numel();
  }
  const auto gain = [&](size_t& next) {
    return p_.has_gains() ? std::optional(next++) : std::nullopt;
  };
  size_t next = 1;  // the embedding comes first
  for (int64_t l = 0; l < p_.architecture.num_layers; ++l) {
    LayerSlots layer;
    layer.attn_norm = gain(next);
    layer.qkv = next++;
    layer.attn_out = next++;
    layer.mlp_norm = gain(next);
    layer.up = next++;
    layer.gate = next++;
    layer.down = next++;
    layers_.push_back(layer);
  }
  final_norm_ = gain(next);

  const int64_t head = p_.architecture.head_size();
  for (int64_t t = 0; t < seq_len_; ++t) {
    for (int64_t i = 0; i < head / 2; ++i) {
      const double frequency = std::exp(-std::log(options.rope_base) * 2.0 *
                                        static_cast<double>(i) / static_cast<double>(head));
      const double angle = options.rotary ? static_cast<double>(t) * frequency : 0.0;
      cos_.push_back(as_float(std::cos(angle)));
      sin_.push_back(as_float(std::sin(angle)));
    }
  }
}

Workspace Network::make_workspace() const {
  const cost::Architecture& arch = p_.architecture;
  const int64_t positions = block_rows_ * seq_len_;
  const int64_t d = arch.d_model;
  const auto reserve_norm = [&](NormBuffers& norm) {
    reserve(norm.normed, positions * d);
    reserve(norm.inverse_rms, positions);
    if (p_.has_gains()) {
      reserve(norm.gained, positions * d);
    }
  };
  Workspace w;
  w.layers.resize(layers_.size());
  for (LayerBuffers& layer : w.layers) {
    reserve_norm(layer.attn_norm);
    reserve(layer.qkv, positions * 3 * d);
    reserve(layer.weights, block_rows_ * kept_weights(arch.num_heads, seq_len_));
    reserve(layer.mixed, positions * d);
    reserve_norm(layer.mlp_norm);
    for (Buffer* buffer : {&layer.up, &layer.gate, &layer.act}) {
      reserve(*buffer, positions * arch.d_ff);
    }
  }
  reserve_norm(w.final_norm);
  for (Buffer* buffer : {&w.stream, &w.branch, &w.d_stream, &w.d_branch}) {
    reserve(*buffer, positions * d);
  }
  reserve(w.d_wide, positions * std::max(3 * d, arch.d_ff));
  reserve(w.d_gate, positions * arch.d_ff);
  reserve(w.logits, tile_ * arch.vocab_size);
  w.targets.resize(size(tile_));
  return w;
}

Attention Network::attention_shape(int64_t rows) const {
  return {.batch = rows,
          .seq_len = seq_len_,
          .num_heads = p_.architecture.num_heads,
          .head = p_.architecture.head_size(),
          .logit_scale = as_float(p_.attention_logits),
          .output_scale = as_float(p_.attention_output),
          .grad_scale = as_float(p_.attention_grad),
          .cos = cos_.data(),
          .sin = sin_.data()};
}

void Network::pack(size_t index, const float* weights, bool with_gradients) {
  Slot& slot = slots_[index];
  if (slot.forward_panels.empty()) {
    return;
  }
  const auto pack_for = [&](Pass pass, void* panels) {
    pack_weight(slot.precision, pass, slot.fan_out, slot.fan_in, weights + slot.offset, panels);
  };
  pack_for(Pass::kForward, slot.forward_panels.data());
  if (with_gradients) {
    pack_for(Pass::kGradInput, slot.backward_panels.data());
  }
}

void Network::apply(size_t index, int64_t positions, const float* x, float* y) const {
  const Slot& slot = slots_[index];
  packed_product(slot.precision,
                 Pass::kForward,
                 positions,
                 slot.fan_out,
                 slot.fan_in,
                 x,
                 slot.forward_panels.data(),
                 as_float(slot.rule->forward),
                 false,
                 y);
}

void Network::norm(Workspace& w,
                   std::optional<size_t> gain,
                   const float* weights,
                   int64_t positions,
                   NormBuffers& out) const {
  const int64_t d = p_.architecture.d_model;
  rms_norm_forward(positions,
                   d,
                   as_float(p_.norm_eps),
                   w.stream.data(),
                   out.normed.data(),
                   out.inverse_rms.data());
  if (gain) {
    const float* gains = weights + slots_[*gain].offset;
    apply_gain(positions, d, gains, out.normed.data(), out.gained.data());
  }
}

void Network::trunk(Workspace& w, const float* weights, const Block& block) const {
  const cost::Architecture& arch = p_.architecture;
  const int64_t d = arch.d_model;
  const int64_t positions = block.rows * seq_len_;
  for (int64_t row = 0; row < block.rows; ++row) {
    for (int64_t t = 0; t < seq_len_; ++t) {
      const int64_t token = block.tokens[size(row * (seq_len_ + 1) + t)];
      std::copy_n(weights + token * d, d, &w.stream[size((row * seq_len_ + t) * d)]);
    }
  }
  const auto join = [&](const model::ResidualScale& scale) {
    scaled_sum(positions * d,
               as_float(scale.branch),
               w.branch.data(),
               as_float(scale.skip),
               w.stream.data(),
               w.stream.data());
  };
  for (size_t l = 0; l < layers_.size(); ++l) {
    LayerBuffers& layer = w.layers[l];
    const LayerSlots& slot = layers_[l];
    norm(w, slot.attn_norm, weights, positions, layer.attn_norm);
    apply(slot.qkv, positions, layer.attn_norm.output(), layer.qkv.data());
    attention_forward(
        attention_shape(block.rows), layer.qkv.data(), layer.weights.data(), layer.mixed.data());
    apply(slot.attn_out, positions, layer.mixed.data(), w.branch.data());
    join(p_.residuals[2 * l]);

    norm(w, slot.mlp_norm, weights, positions, layer.mlp_norm);
    apply(slot.up, positions, layer.mlp_norm.output(), layer.up.data());
    apply(slot.gate, positions, layer.mlp_norm.output(), layer.gate.data());
    swiglu_forward(positions * arch.d_ff,
                   as_float(p_.glu_alpha),
                   as_float(p_.glu_scale),
                   layer.up.data(),
                   layer.gate.data(),
                   layer.act.data());
    apply(slot.down, positions, layer.act.data(), w.branch.data());
    join(p_.residuals[2 * l + 1]);
  }
  norm(w, final_norm_, weights, positions, w.final_norm);
}

void Network::head(Workspace& w, const Block& block, const BatchSize& batch, float* grads) const {
  const int64_t d = p_.architecture.d_model;
  const int64_t positions = block.rows * seq_len_;
  const size_t output = slots_.size() - 1;
  const double row_grad =
      p_.loss_grad_mean ? p_.loss_grad / static_cast<double>(batch.scored) : p_.loss_grad;
  for (int64_t first = 0; first < positions; first += tile_) {
    const int64_t count = std::min(tile_, positions - first);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = (first + i) / seq_len_;
      const int64_t t = (first + i) % seq_len_;
      w.targets[size(i)] = block.tokens[size(row * (seq_len_ + 1) + t + 1)];
    }
    const float* x = w.final_norm.output() + first * d;
    apply(output, count, x, w.logits.data());
    // The gradient takes the logits' place.
    cross_entropy(count,
                  p_.architecture.vocab_size,
                  as_float(p_.loss_logits),
                  as_float(row_grad),
                  w.logits.data(),
                  w.targets.data(),
                  block.losses + first,
                  grads == nullptr ? nullptr : w.logits.data());
    if (grads != nullptr) {
      float* dx = &w.d_branch[size(first * d)];
      back(output, count, batch, w.logits.data(), 1.0, x, false, dx, grads);
    }
  }
}

void Network::forward(Workspace& w, const float* weights, const Block& block) const {
  trunk(w, weights, block);
  head(w, block, {}, nullptr);
}

void Network::train(Workspace& w,
                    const float* weights,
                    const Block& block,
                    const BatchSize& batch,
                    float* grads) const {
  trunk(w, weights, block);
  head(w, block, batch, grads);
  backward(w, weights, block, batch, grads);
}

}  // namespace ff::engine::fused
