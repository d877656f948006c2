// SPDX-License-Identifier: MIT
// Llama 4's text model: mixtures of experts, chunked attention, layers without rotary embedding.
#include "families.h"

namespace ff::cost {
namespace {

using io::Json;

/// Which layers have a mixture of experts: moe_layers, or every interleave_moe_layer_step-th.
std::vector<bool> expert_layers(const Fields& f, int64_t layers) {
  std::vector<bool> out(static_cast<size_t>(layers), false);
  if (!f.has("moe_layers")) {
    const int64_t step = f.count("interleave_moe_layer_step", kMaxLayers);
    for (int64_t i = step - 1; i < layers; i += step) {
      out[static_cast<size_t>(i)] = true;
    }
    return out;
  }
  const Json& list = f.at("moe_layers");
  if (!list.is_array()) {
    throw error<FileError>("{}: moe_layers: expected a list of layer numbers.", f.where());
  }
  for (const Json& item : list) {
    if (!item.is_number_integer() || item < 0 || item >= layers) {
      throw error<FileError>("{}: moe_layers: {} is no layer; there are layers 0 to {}.",
                             f.where(),
                             io::json_text(item),
                             layers - 1);
    }
    const auto index = item.get<size_t>();
    if (out[index]) {
      throw error<FileError>("{}: moe_layers: {} stands there twice.", f.where(), index);
    }
    out[index] = true;
  }
  return out;
}

/// Which layers have rotary embedding: no_rope_layers (1 = has it, in spite of the name), or, as an
/// absent or empty list means, all but every no_rope_layer_interval-th (4).
std::vector<bool> rotary_layers(const Fields& f, int64_t layers) {
  std::vector<bool> out;
  if (f.has("no_rope_layers") && !f.at("no_rope_layers").empty()) {
    const Json& list = f.at("no_rope_layers");
    if (!list.is_array() || list.size() != static_cast<size_t>(layers)) {
      throw error<FileError>(
          "{}: no_rope_layers: expected a list of {} numbers, one per layer, found {}.",
          f.where(),
          layers,
          list.is_array() ? fmt::format("{}", list.size()) : "something else");
    }
    for (const Json& item : list) {
      if (item != 0 && item != 1) {
        throw error<FileError>(
            "{}: no_rope_layers: expected 0 or 1, found {}.", f.where(), io::json_text(item));
      }
      out.push_back(item == 1);
    }
    return out;
  }
  const int64_t interval = f.count_or("no_rope_layer_interval", kMaxLayers, 4);
  for (int64_t i = 0; i < layers; ++i) {
    out.push_back((i + 1) % interval != 0);
  }
  return out;
}

}  // namespace

ModelSpec read_llama4_text(const Fields& f) {
  ModelSpec spec = read_llama_like(f, false, "intermediate_size_mlp");
  f.must_be_false("attention_bias");
  spec.expert_d_ff = f.count("intermediate_size", kMaxHidden);
  spec.num_experts = f.count("num_local_experts", kMaxWidth);
  spec.experts_per_token = f.count("num_experts_per_tok", kMaxWidth);
  if (spec.experts_per_token > spec.num_experts) {
    throw error<FileError>("{}: num_experts_per_tok: {} is more than num_local_experts, {}.",
                           f.where(),
                           spec.experts_per_token,
                           spec.num_experts);
  }
  if (f.flag_or("use_qk_norm", true)) {
    spec.qk_norm = ModelSpec::QkNorm::kL2;
  }
  const std::vector<bool> experts = expert_layers(f, spec.num_layers());
  const std::vector<bool> rotary = rotary_layers(f, spec.num_layers());
  const int64_t chunk = f.count_or("attention_chunk_size", kMaxVocab, 0);
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    spec.layers[i] = {.experts = experts[i], .rotary = rotary[i]};
    if (rotary[i] && chunk > 0) {
      spec.layers[i].span = {AttentionSpan::Kind::kChunk, chunk};
    }
  }
  return spec;
}

ModelSpec read_llama4(const Fields& whole) {
  const Fields text = whole.object("text_config");
  ModelSpec spec = read_llama4_text(text);
  spec.tied_head = whole.flag_or("tie_word_embeddings", spec.tied_head);
  spec.dtype = dtype_of({&text, &whole});
  return spec;
}

}  // namespace ff::cost
