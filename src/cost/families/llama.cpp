// SPDX-License-Identifier: MIT
// Llama 2 and 3, Mistral, Qwen 2 and 3.
#include "families.h"

namespace ff::cost {
namespace {

/// Heads, and whether they fit the width; see read_llama_like().
void read_heads(const Fields& f, bool free, ModelSpec& spec) {
  spec.num_heads = f.count("num_attention_heads", kMaxWidth);
  spec.num_kv_heads = f.count("num_key_value_heads", kMaxWidth);
  if (spec.num_heads % spec.num_kv_heads != 0) {
    throw error<FileError>("{}: num_attention_heads: {} is no multiple of num_key_value_heads, {}.",
                           f.where(),
                           spec.num_heads,
                           spec.num_kv_heads);
  }
  if (!f.has("head_dim")) {
    if (spec.d_model % spec.num_heads != 0) {
      throw error<FileError>(
          "{}: hidden_size: {} is no multiple of num_attention_heads, {}, and there is no "
          "head_dim.",
          f.where(),
          spec.d_model,
          spec.num_heads);
    }
    spec.head_dim = spec.d_model / spec.num_heads;
    return;
  }
  spec.head_dim = f.count("head_dim", kMaxWidth);
  if (!free && spec.head_dim * spec.num_heads != spec.d_model) {
    throw error<FileError>(
        "{}: head_dim: {} times num_attention_heads, {}, is {}, not hidden_size, {}.",
        f.where(),
        spec.head_dim,
        spec.num_heads,
        spec.head_dim * spec.num_heads,
        spec.d_model);
  }
}

/// Qwen 2 and 3: a window, where it is used at all, from layer max_window_layers on.
void read_qwen_window(const Fields& f, ModelSpec& spec) {
  if (!f.flag_or("use_sliding_window", false)) {
    return;
  }
  const int64_t window = f.count("sliding_window", kMaxVocab);
  const int64_t first = f.count("max_window_layers", kMaxLayers);
  for (int64_t i = first; i < spec.num_layers(); ++i) {
    spec.layers[static_cast<size_t>(i)].span = {AttentionSpan::Kind::kWindow, window};
  }
}

}  // namespace

ModelSpec read_llama_like(const Fields& f, bool free_heads, const char* d_ff_key) {
  ModelSpec spec;
  spec.d_model = f.count("hidden_size", kMaxWidth);
  spec.d_ff = f.count(d_ff_key, kMaxHidden);
  spec.vocab_size = f.count("vocab_size", kMaxVocab);
  spec.layers.resize(static_cast<size_t>(f.count("num_hidden_layers", kMaxLayers)));
  read_heads(f, free_heads, spec);
  f.must_be("hidden_act", {"silu"});
  spec.tied_head = f.flag_or("tie_word_embeddings", false);
  spec.dtype = dtype_of({&f});
  return spec;
}

ModelSpec read_llama(const Fields& f) {
  ModelSpec spec = read_llama_like(f, false, "intermediate_size");
  f.must_be_false("attention_bias");
  f.must_be_false("mlp_bias");
  return spec;
}

ModelSpec read_mistral(const Fields& f) {
  ModelSpec spec = read_llama_like(f, true, "intermediate_size");
  if (f.has("sliding_window")) {
    const int64_t window = f.count("sliding_window", kMaxVocab);
    for (LayerSpec& layer : spec.layers) {
      layer.span = {AttentionSpan::Kind::kWindow, window};
    }
  }
  return spec;
}

ModelSpec read_qwen2(const Fields& f) {
  ModelSpec spec = read_llama_like(f, true, "intermediate_size");
  spec.qkv_bias = true;
  read_qwen_window(f, spec);
  return spec;
}

ModelSpec read_qwen3(const Fields& f) {
  ModelSpec spec = read_llama_like(f, true, "intermediate_size");
  f.must_be_false("attention_bias");
  spec.qk_norm = ModelSpec::QkNorm::kRms;
  read_qwen_window(f, spec);
  return spec;
}

}  // namespace ff::cost
