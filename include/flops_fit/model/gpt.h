// SPDX-License-Identifier: MIT
#pragma once
// The reference GPT on LibTorch: embedding, L blocks of [RMSNorm, causal attention with rotary
// positions] and [RMSNorm, SwiGLU], final RMSNorm, untied head; the norms have trainable gains
// where the parametrization lists them. Every scale comes from the Parametrization. All weights are
// views of one flat buffer, and so are their gradients, so that the optimizer, a checkpoint and a
// future engine handle plain arrays.
#include "flops_fit/model/ops.h"
#include "flops_fit/model/parametrization.h"

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace ff::model {

/// Is shown every activation of a forward pass as it is made: "embedding"; per layer
/// "layers.0.attn_branch", "layers.0.after_attn" (the stream), "layers.0.mlp_branch",
/// "layers.0.after_mlp"; "final_norm", "logits". All [rows, features].
using Observer = std::function<void(std::string_view name, const torch::Tensor& activation)>;

/// [rotary base, on/off] as the network uses them; the defaults are those of every preset.
struct GptOptions {
  bool rotary = true;
  double rotary_base = 10000.0;
  torch::Device device = torch::kCPU;
  torch::Dtype dtype = torch::kFloat32;
};

/// All weights in one float32 tensor on the CPU, in the table's order: N(0, init_std^2) by a
/// generator seeded with `seed`, the same for every engine and device; gains are 1.
[[nodiscard]] torch::Tensor initial_weights(const Parametrization& p, uint64_t seed);

class Gpt {
 public:
  /// Starts from initial_weights().
  Gpt(Parametrization parametrization, const GptOptions& options, uint64_t seed);

  /// ids [batch, seq_len], int64 -> logits [batch * seq_len, vocab].
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& ids,
                                      const Observer& observe = nullptr) const;

  /// Mean loss [nats] of the scored rows (targets -1 are not scored), ready for backward().
  [[nodiscard]] torch::Tensor loss(const torch::Tensor& ids, const torch::Tensor& targets) const;

  /// Loss of each row, without gradient: [batch * seq_len].
  [[nodiscard]] torch::Tensor row_losses(const torch::Tensor& ids,
                                         const torch::Tensor& targets) const;

  [[nodiscard]] const Parametrization& parametrization() const { return parametrization_; }
  /// One tensor per rule, in the table's order; views of flat_weights().
  [[nodiscard]] const std::vector<torch::Tensor>& weights() const { return weights_; }
  [[nodiscard]] torch::Tensor flat_weights() const { return flat_weights_; }
  [[nodiscard]] torch::Tensor flat_grads() const { return flat_grads_; }

 private:
  Parametrization parametrization_;
  GptOptions options_;
  torch::Tensor flat_weights_;
  torch::Tensor flat_grads_;
  std::vector<torch::Tensor> weights_;
  RotaryTables rotary_;
};

}  // namespace ff::model
