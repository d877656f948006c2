// SPDX-License-Identifier: MIT
#pragma once
// The GPT's forward and backward pass over a few rows at a time, by hand: no autograd, no
// allocation in a step, and activations that stay in the second-level cache. The formulas, and
// every multiplier, are those of model/gpt.cpp, which is its oracle in the tests.
#include "buffer.h"
#include "kernels.h"

#include "flops_fit/engine/engine.h"
#include "flops_fit/model/parametrization.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ff::engine::fused {

/// One tensor of the flat buffers.
struct Slot {
  const model::TensorRule* rule = nullptr;
  int64_t offset = 0;  ///< in the flat buffers
  int64_t fan_out = 0, fan_in = 0;
  Precision precision = Precision::kFloat32;
  /// The weights as the products read them, packed once a step; none for gains and the embedding.
  std::vector<std::byte, CacheLineAllocator<std::byte>> forward_panels, backward_panels;
};

/// Where a layer's tensors are among the slots; no norms where they have no gains.
struct LayerSlots {
  std::optional<size_t> attn_norm, mlp_norm;
  size_t qkv = 0, attn_out = 0, up = 0, gate = 0, down = 0;
};

/// Output of an RMSNorm, and what its backward pass needs.
struct NormBuffers {
  Buffer normed, inverse_rms;
  Buffer gained;  ///< normed times the gain; empty without gains
  [[nodiscard]] const float* output() const { return (gained.empty() ? normed : gained).data(); }
};

/// Activations of one layer that the backward pass needs.
struct LayerBuffers {
  NormBuffers attn_norm, mlp_norm;
  Buffer qkv, weights, mixed;
  Buffer up, gate, act;
};

/// What one thread works in: the activations and gradients of one block of rows.
struct Workspace {
  std::vector<LayerBuffers> layers;
  NormBuffers final_norm;
  Buffer stream, branch, logits;
  Buffer d_stream, d_branch, d_wide, d_gate;
  std::vector<int64_t> targets;
};

/// Rows of a batch, some whole sequences, and where their losses go.
struct Block {
  std::span<const int32_t> tokens;  ///< rows * (seq_len + 1)
  int64_t rows = 0;
  float* losses = nullptr;  ///< rows * seq_len
};

/// The whole batch that a block is part of, which the gradients' scales depend on.
struct BatchSize {
  int64_t positions = 0;
  int64_t scored = 0;  ///< positions that have a target
};

class Network {
 public:
  Network(const model::Parametrization& p, const EngineOptions& options);
  // The slots point into p_, so a copy would point into the first one.
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  [[nodiscard]] Workspace make_workspace() const;

  /// To be called for every slot when `weights` changed. `with_gradients` also packs what train()
  /// needs.
  void pack(size_t slot, const float* weights, bool with_gradients);

  /// Forward alone.
  void forward(Workspace& w, const float* weights, const Block& block) const;

  /// Forward and backward; gradients are added to `grads`.
  void train(Workspace& w,
             const float* weights,
             const Block& block,
             const BatchSize& batch,
             float* grads) const;

  /// Sequences that a block may have.
  [[nodiscard]] int64_t rows_per_block() const { return block_rows_; }
  [[nodiscard]] const std::vector<Slot>& slots() const { return slots_; }

 private:
  void trunk(Workspace& w, const float* weights, const Block& block) const;
  void norm(Workspace& w,
            std::optional<size_t> gain,
            const float* weights,
            int64_t positions,
            NormBuffers& out) const;
  /// The head over tiles of positions: losses, and with `grads` the gradient in front of it.
  void head(Workspace& w, const Block& block, const BatchSize& batch, float* grads) const;
  void backward(Workspace& w,
                const float* weights,
                const Block& block,
                const BatchSize& batch,
                float* grads) const;
  /// d_branch, the gradient behind a norm, to the one in front of it.
  void norm_backward(Workspace& w,
                     std::optional<size_t> gain,
                     const float* weights,
                     int64_t positions,
                     const BatchSize& batch,
                     const NormBuffers& norm,
                     float* dx,
                     float* grads) const;
  void apply(size_t slot, int64_t positions, const float* x, float* y) const;
  /// dx = or += the gradient passed to the input; the weight's gradient is added. `dy_scale`
  /// multiplies dy.
  void back(size_t slot,
            int64_t positions,
            const BatchSize& batch,
            const float* dy,
            double dy_scale,
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
  std::vector<LayerSlots> layers_;
  std::optional<size_t> final_norm_;
  std::vector<float> cos_, sin_;
};

}  // namespace ff::engine::fused
