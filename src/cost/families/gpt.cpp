// SPDX-License-Identifier: MIT
// GPT-2, and the project's own GPT.
#include "families.h"

#include <set>

namespace ff::cost {

ModelSpec read_gpt2(const Fields& f) {
  ModelSpec spec;
  spec.d_model = f.count("n_embd", kMaxWidth);
  spec.num_heads = f.count("n_head", kMaxWidth);
  spec.num_kv_heads = spec.num_heads;
  if (spec.d_model % spec.num_heads != 0) {
    throw error<FileError>(
        "{}: n_embd: {} is no multiple of n_head, {}.", f.where(), spec.d_model, spec.num_heads);
  }
  spec.head_dim = spec.d_model / spec.num_heads;
  spec.d_ff = f.count_or("n_inner", kMaxHidden, 4 * spec.d_model);
  spec.vocab_size = f.count("vocab_size", kMaxVocab);
  spec.position_rows = f.count("n_positions", kMaxVocab);
  spec.layers.assign(static_cast<size_t>(f.count("n_layer", kMaxLayers)), {.rotary = false});
  f.must_be("activation_function", {"gelu_new", "gelu_pytorch_tanh"});
  spec.tied_head = f.flag_or("tie_word_embeddings", true);
  spec.qkv_bias = true;
  spec.other_bias = true;
  spec.norm = ModelSpec::Norm::kLayer;
  spec.feed_forward = ModelSpec::FeedForward::kGelu;
  spec.dtype = dtype_of({&f});
  return spec;
}

ModelSpec read_flops_fit_gpt(const Fields& f) {
  static const std::set<std::string> kKeys = {"model_type",
                                              "architectures",
                                              "d_model",
                                              "num_layers",
                                              "num_heads",
                                              "vocab_size",
                                              "d_ff",
                                              "seq_len",
                                              "norm_gain",
                                              "torch_dtype",
                                              "dtype"};
  const Architecture arch{.d_model = f.count("d_model", kMaxWidth),
                          .num_layers = f.count("num_layers", kMaxLayers),
                          .num_heads = f.count("num_heads", kMaxWidth),
                          .d_ff = f.count_or("d_ff", kMaxHidden, 4 * f.count("d_model", kMaxWidth)),
                          .vocab_size = f.count("vocab_size", kMaxVocab),
                          .seq_len = f.count_or("seq_len", kMaxSeqLen, 0)};
  if (arch.d_model % arch.num_heads != 0) {
    throw error<FileError>("{}: d_model: {} is no multiple of num_heads, {}.",
                           f.where(),
                           arch.d_model,
                           arch.num_heads);
  }
  for (const auto& [key, value] : f.whole().items()) {
    if (!kKeys.contains(key)) {
      throw error<FileError>(
          "{}: unknown key \"{}\"; there are: {}.", f.where(), key, fmt::join(kKeys, ", "));
    }
  }
  ModelSpec spec = spec_of(arch);
  spec.norm_gain = f.flag_or("norm_gain", true);
  const std::string dtype = dtype_of({&f});
  spec.dtype = dtype.empty() ? spec.dtype : dtype;
  return spec;
}

}  // namespace ff::cost
