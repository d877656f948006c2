// SPDX-License-Identifier: MIT
#pragma once
// The GPT's forward and backward pass over a few rows at a time, by hand: no autograd, no
// allocation in a step, and activations that stay in the second-level cache. The formulas, and
// every multiplier, are those of model/gpt.cpp, which is its oracle in the tests.
#include "kernels.h"

#include "flops_fit/engine/engine.h"
#include "flops_fit/model/parametrization.h"

#include <cstdint>
#include <span>
#include <vector>

namespace ff::engine::fused {

inline size_t size(int64_t n) {
  return static_cast<size_t>(n);
}
inline float as_float(double x) {
  return static_cast<float>(x);
}

/// One tensor of the flat buffers.
struct Slot {
  const model::TensorRule* rule = nullptr;
  int64_t offset = 0;  ///< in the flat buffers
  int64_t fan_out = 0, fan_in = 0;
  std::vector<float> forward_panels, backward_panels;  ///< of the weights, packed once a step
};

/// Activations of one layer that the backward pass needs; rows of the block.
struct LayerBuffers {
  std::vector<float> normed_attn, inverse_attn, qkv, weights, mixed;
  std::vector<float> normed_mlp, inverse_mlp, up, gate, act;
};

class Network {
 public:
  Network(const model::Parametrization& p, const EngineOptions& options, int64_t seq_len);

  /// To be called when `weights` changed. `with_gradients` also packs what backward() needs.
  void pack(const float* weights, bool with_gradients);

  /// Forward over `rows` whole sequences; the per-target losses go to `losses`.
  /// tokens: rows * (seq_len + 1).
  void forward(const float* weights, std::span<const int32_t> tokens, int64_t rows, float* losses);

  /// Forward and backward; gradients are added to `grads`. `batch_rows` is the whole batch's number
  /// of positions, which the gradients' scales depend on.
  void train(const float* weights,
             std::span<const int32_t> tokens,
             int64_t rows,
             int64_t batch_rows,
             float* losses,
             float* grads);

  /// Sequences that one call should take.
  [[nodiscard]] int64_t rows_per_block() const { return block_rows_; }
  [[nodiscard]] const std::vector<Slot>& slots() const { return slots_; }

 private:
  void trunk(const float* weights, std::span<const int32_t> tokens, int64_t rows);
  void head(std::span<const int32_t> tokens,
            int64_t rows,
            int64_t batch_rows,
            float* losses,
            float* grads);
  void backward(std::span<const int32_t> tokens, int64_t rows, int64_t batch_rows, float* grads);
  void apply(const Slot& slot, int64_t positions, const float* x, float* y) const;
  /// dx = or += the gradient passed to the input; the weight's gradient is added.
  void back(const Slot& slot,
            int64_t positions,
            int64_t batch_rows,
            const float* dy,
            const float* x,
            bool add,
            float* dx,
            float* grads) const;
  [[nodiscard]] Attention attention_shape(int64_t rows) const;

  model::Parametrization p_;
  int64_t seq_len_;
  int64_t block_rows_;
  int64_t tile_;  ///< positions whose logits are held at once
  std::vector<Slot> slots_;
  std::vector<float> cos_, sin_;
  std::vector<LayerBuffers> layers_;
  std::vector<float> stream_, branch_, normed_final_, inverse_final_, logits_;
  std::vector<float> d_stream_, d_branch_, d_wide_, d_gate_;
  std::vector<int64_t> targets_;
};

}  // namespace ff::engine::fused
