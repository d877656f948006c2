// SPDX-License-Identifier: MIT
// Buffers, packing and the forward pass; backward.cpp has the other half.
#include "network.h"

#include <algorithm>
#include <cmath>

namespace ff::engine::fused {
namespace {

/// Positions of a block: enough for full tiles of the products, few enough that a layer's
/// activations (about 6 d + 3 d_ff floats each) stay in a second-level cache of 512 KB.
int64_t choose_block_rows(const cost::Architecture& arch, int64_t seq_len) {
  constexpr int64_t kCacheFloats = 96 * 1024;
  const int64_t per_position =
      8 * arch.d_model + 3 * arch.d_ff + arch.num_heads * ((seq_len + 7) / 8 * 8);
  const int64_t positions = std::clamp<int64_t>(kCacheFloats / per_position, 48, 512);
  return std::max<int64_t>(1, positions / seq_len);
}

/// Positions whose logits (and the gradients in their place) stay in the same cache.
int64_t choose_tile(int64_t vocab_size) {
  return std::clamp<int64_t>(64 * 1024 / vocab_size / 6 * 6, 12, 192);
}

}  // namespace

Network::Network(const model::Parametrization& p, const EngineOptions& options, int64_t seq_len)
    : p_(p),
      seq_len_(seq_len),
      block_rows_(choose_block_rows(p.architecture, seq_len)),
      tile_(choose_tile(p.architecture.vocab_size)) {
  const cost::Architecture& arch = p_.architecture;
  int64_t offset = 0;
  for (const model::TensorRule& rule : p_.tensors) {
    Slot slot{.rule = &rule, .offset = offset, .fan_out = rule.shape[0], .fan_in = rule.shape[1]};
    if (rule.type != model::TensorType::kEmbedding) {
      slot.forward_panels.resize(size(rule.numel()));
      slot.backward_panels.resize(size(rule.numel()));
    }
    slots_.push_back(std::move(slot));
    offset += rule.numel();
  }
  const int64_t half = arch.head_size() / 2;
  for (int64_t t = 0; t < seq_len; ++t) {
    for (int64_t i = 0; i < half; ++i) {
      const double frequency =
          std::exp(-std::log(options.rope_base) * 2.0 * static_cast<double>(i) /
                   static_cast<double>(arch.head_size()));
      const double angle = options.rotary ? static_cast<double>(t) * frequency : 0.0;
      cos_.push_back(as_float(std::cos(angle)));
      sin_.push_back(as_float(std::sin(angle)));
    }
  }
  const int64_t positions = block_rows_ * seq_len;
  const auto reserve = [&](std::vector<float>& buffer, int64_t width) {
    buffer.resize(size(positions * width));
  };
  const int64_t d = arch.d_model;
  layers_.resize(size(arch.num_layers));
  for (LayerBuffers& layer : layers_) {
    reserve(layer.normed_attn, d);
    reserve(layer.inverse_attn, 1);
    reserve(layer.qkv, 3 * d);
    layer.weights.resize(size(attention_weights_size(attention_shape(block_rows_))));
    reserve(layer.mixed, d);
    reserve(layer.normed_mlp, d);
    reserve(layer.inverse_mlp, 1);
    reserve(layer.up, arch.d_ff);
    reserve(layer.gate, arch.d_ff);
    reserve(layer.act, arch.d_ff);
  }
  for (std::vector<float>* buffer : {&stream_, &branch_, &normed_final_, &d_stream_, &d_branch_}) {
    reserve(*buffer, d);
  }
  reserve(inverse_final_, 1);
  reserve(d_wide_, std::max(3 * d, arch.d_ff));
  reserve(d_gate_, arch.d_ff);
  logits_.resize(size(tile_ * arch.vocab_size));
  targets_.resize(size(tile_));
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

void Network::pack(const float* weights, bool with_gradients) {
  for (Slot& slot : slots_) {
    if (slot.forward_panels.empty()) {
      continue;  // the embedding is looked up
    }
    const float* weight = weights + slot.offset;
    pack_weight(Pass::kForward, slot.fan_out, slot.fan_in, weight, slot.forward_panels.data());
    if (with_gradients) {
      pack_weight(Pass::kGradInput, slot.fan_out, slot.fan_in, weight, slot.backward_panels.data());
    }
  }
}

void Network::apply(const Slot& slot, int64_t positions, const float* x, float* y) const {
  packed_product(Pass::kForward,
                 positions,
                 slot.fan_out,
                 slot.fan_in,
                 x,
                 slot.forward_panels.data(),
                 as_float(slot.rule->forward),
                 false,
                 y);
}

void Network::trunk(const float* weights, std::span<const int32_t> tokens, int64_t rows) {
  const cost::Architecture& arch = p_.architecture;
  const int64_t d = arch.d_model;
  const int64_t positions = rows * seq_len_;
  const auto eps = as_float(p_.norm_eps);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t t = 0; t < seq_len_; ++t) {
      const int64_t token = tokens[size(row * (seq_len_ + 1) + t)];
      std::copy_n(weights + token * d, d, &stream_[size((row * seq_len_ + t) * d)]);
    }
  }
  const auto join = [&](const model::ResidualScale& scale) {
    scaled_sum(positions * d,
               as_float(scale.branch),
               branch_.data(),
               as_float(scale.skip),
               stream_.data(),
               stream_.data());
  };
  for (size_t l = 0; l < layers_.size(); ++l) {
    LayerBuffers& layer = layers_[l];
    const Slot* slot = &slots_[1 + 5 * l];  // qkv, attn_out, up, gate, down
    rms_norm_forward(
        positions, d, eps, stream_.data(), layer.normed_attn.data(), layer.inverse_attn.data());
    apply(slot[0], positions, layer.normed_attn.data(), layer.qkv.data());
    attention_forward(
        attention_shape(rows), layer.qkv.data(), layer.weights.data(), layer.mixed.data());
    apply(slot[1], positions, layer.mixed.data(), branch_.data());
    join(p_.residuals[2 * l]);

    rms_norm_forward(
        positions, d, eps, stream_.data(), layer.normed_mlp.data(), layer.inverse_mlp.data());
    apply(slot[2], positions, layer.normed_mlp.data(), layer.up.data());
    apply(slot[3], positions, layer.normed_mlp.data(), layer.gate.data());
    swiglu_forward(positions * arch.d_ff,
                   as_float(p_.glu_alpha),
                   as_float(p_.glu_scale),
                   layer.up.data(),
                   layer.gate.data(),
                   layer.act.data());
    apply(slot[4], positions, layer.act.data(), branch_.data());
    join(p_.residuals[2 * l + 1]);
  }
  rms_norm_forward(positions, d, eps, stream_.data(), normed_final_.data(), inverse_final_.data());
}

void Network::head(std::span<const int32_t> tokens,
                   int64_t rows,
                   int64_t batch_rows,
                   float* losses,
                   float* grads) {
  const int64_t d = p_.architecture.d_model;
  const int64_t positions = rows * seq_len_;
  const Slot& output = slots_.back();
  const double row_grad =
      p_.loss_grad_mean ? p_.loss_grad / static_cast<double>(batch_rows) : p_.loss_grad;
  for (int64_t first = 0; first < positions; first += tile_) {
    const int64_t count = std::min(tile_, positions - first);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = (first + i) / seq_len_;
      const int64_t t = (first + i) % seq_len_;
      targets_[size(i)] = tokens[size(row * (seq_len_ + 1) + t + 1)];
    }
    const float* x = &normed_final_[size(first * d)];
    apply(output, count, x, logits_.data());
    // The gradient takes the logits' place.
    cross_entropy(count,
                  p_.architecture.vocab_size,
                  as_float(p_.loss_logits),
                  as_float(row_grad),
                  logits_.data(),
                  targets_.data(),
                  losses + first,
                  grads == nullptr ? nullptr : logits_.data());
    if (grads != nullptr) {
      back(output, count, batch_rows, logits_.data(), x, false, &d_branch_[size(first * d)], grads);
    }
  }
}

void Network::forward(const float* weights,
                      std::span<const int32_t> tokens,
                      int64_t rows,
                      float* losses) {
  trunk(weights, tokens, rows);
  head(tokens, rows, rows * seq_len_, losses, nullptr);
}

void Network::train(const float* weights,
                    std::span<const int32_t> tokens,
                    int64_t rows,
                    int64_t batch_rows,
                    float* losses,
                    float* grads) {
  trunk(weights, tokens, rows);
  head(tokens, rows, batch_rows, losses, grads);
  backward(tokens, rows, batch_rows, grads);
}

}  // namespace ff::engine::fused
