// SPDX-License-Identifier: MIT
#pragma once
// A decoder-only transformer as the cost model sees it: everything that changes a count, and
// nothing else. load_model.h makes one of a Hugging Face config.json; spec_of() of the project's
// own GPT.
#include "flops_fit/cost/transformer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ff::cost {

/// Which earlier tokens a layer's attention sees.
struct AttentionSpan {
  enum class Kind { kAll, kChunk, kWindow };
  Kind kind = Kind::kAll;
  int64_t size = 0;  ///< tokens of a chunk or window
  bool operator==(const AttentionSpan&) const = default;
};

/// What may differ from layer to layer.
struct LayerSpec {
  bool experts = false;  ///< mixture of experts in place of one feed-forward network
  bool rotary = true;
  AttentionSpan span;
  bool operator==(const LayerSpec&) const = default;
};

struct ModelSpec {
  enum class Norm { kRms, kLayer };
  enum class FeedForward { kSwiGlu, kGelu };
  /// Of queries and keys: per head with a gain before the rotation (Qwen 3), or without one after
  /// it and in layers with rotary embedding only (Llama 4).
  enum class QkNorm { kNone, kRms, kL2 };

  std::string model_type;  ///< of the config: "llama"
  std::string name;        ///< of the file, for reports
  int64_t d_model = 0;
  int64_t num_heads = 0;
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;
  int64_t d_ff = 0;
  int64_t vocab_size = 0;
  std::vector<LayerSpec> layers;

  int64_t num_experts = 0;
  int64_t experts_per_token = 0;
  int64_t expert_d_ff = 0;  ///< of each expert, and of the shared one that every token passes

  int64_t position_rows = 0;  ///< of a learned position embedding; 0 = none
  int64_t seq_len = 0;        ///< that it is trained at, where the config says so; 0 = not said
  bool tied_head = false;
  bool qkv_bias = false;
  bool other_bias = false;  ///< of attention output and feed-forward network
  Norm norm = Norm::kRms;
  bool norm_gain = true;
  FeedForward feed_forward = FeedForward::kSwiGlu;
  QkNorm qk_norm = QkNorm::kNone;
  std::string dtype;  ///< of the weights: "bfloat16"; empty = not said

  [[nodiscard]] int64_t num_layers() const { return static_cast<int64_t>(layers.size()); }
};

/// The project's own GPT: L equal blocks, untied head, norms without gain.
[[nodiscard]] ModelSpec spec_of(const Architecture& arch);

/// Bits of a number of this type, by its name in torch; 0 if there is no such type.
[[nodiscard]] int64_t dtype_bits(std::string_view dtype);
/// The names that dtype_bits() knows, for messages.
[[nodiscard]] std::string dtype_names();

}  // namespace ff::cost
