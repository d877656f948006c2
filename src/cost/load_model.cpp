// SPDX-License-Identifier: MIT
#include "flops_fit/cost/load_model.h"

#include "flops_fit/io/json.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>

namespace ff::cost {
namespace {

namespace fs = std::filesystem;
using io::Json;
using io::ObjectReader;

/// Typed fields of a config, with this reader's rules.
class Fields {
 public:
  Fields(const Json& object, const std::string& where) : whole_(&object), reader_(object, where) {}

  [[nodiscard]] bool has(std::string_view key) const { return reader_.has(key); }
  [[nodiscard]] const Json& at(std::string_view key) const { return reader_.at(key); }
  [[nodiscard]] const Json& whole() const { return *whole_; }
  [[nodiscard]] const std::string& where() const { return reader_.where(); }
  [[nodiscard]] ObjectReader object(std::string_view key) const { return reader_.object(key); }
  [[nodiscard]] std::string text(std::string_view key) const { return reader_.text(key); }

  /// From 1 up, and not beyond what any model has.
  [[nodiscard]] int64_t count(std::string_view key, int64_t most) const {
    const int64_t value = reader_.integer(key);
    if (value < 1 || value > most) {
      throw error<FileError>(
          "{}: {}: expected a whole number from 1 to {}, found {}.", where(), key, most, value);
    }
    return value;
  }
  [[nodiscard]] int64_t count_or(std::string_view key, int64_t most, int64_t fallback) const {
    return has(key) ? count(key, most) : fallback;
  }

  [[nodiscard]] bool flag_or(std::string_view key, bool fallback) const {
    if (!has(key)) {
      return fallback;
    }
    const Json& value = reader_.at(key);
    if (!value.is_boolean()) {
      throw error<FileError>(
          "{}: {}: expected true or false, found {}.", where(), key, io::json_text(value));
    }
    return value.get<bool>();
  }

  void must_be_false(std::string_view key) const {
    if (flag_or(key, false)) {
      throw error<FileError>(
          "{}: {} is true, and biases of this model_type are not modelled.", where(), key);
    }
  }

  void must_be(std::string_view key, std::span<const std::string_view> allowed) const {
    const std::string value = text(key);
    if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
      throw error<FileError>("{}: {}: \"{}\" is not modelled; expected {}.",
                             where(),
                             key,
                             value,
                             fmt::join(allowed, " or "));
    }
  }

 private:
  const Json* whole_;
  ObjectReader reader_;
};

constexpr std::array<std::string_view, 1> kSilu = {"silu"};
constexpr std::array<std::string_view, 2> kGeluTanh = {"gelu_new", "gelu_pytorch_tanh"};

/// The dtype of the weights, where one of the objects names it; empty otherwise.
std::string dtype_of(std::initializer_list<const Fields*> places) {
  for (const Fields* fields : places) {
    for (const char* key : {"torch_dtype", "dtype"}) {
      if (!fields->has(key)) {
        continue;
      }
      const std::string name = fields->text(key);
      if (dtype_bits(name) == 0) {
        throw error<FileError>("{}: {}: \"{}\" is no known type; there are: {}.",
                               fields->where(),
                               key,
                               name,
                               dtype_names());
      }
      return name;
    }
  }
  return "";
}

/// Heads, and whether they fit the width. `free`: published models of the family have heads that
/// together are not as wide as the model.
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

/// What the families of Llama have in common.
ModelSpec read_llama_like(const Fields& f, bool free_heads, const char* d_ff_key) {
  ModelSpec spec;
  spec.d_model = f.count("hidden_size", kMaxWidth);
  spec.d_ff = f.count(d_ff_key, kMaxHidden);
  spec.vocab_size = f.count("vocab_size", kMaxVocab);
  spec.layers.resize(static_cast<size_t>(f.count("num_hidden_layers", kMaxLayers)));
  read_heads(f, free_heads, spec);
  f.must_be("hidden_act", kSilu);
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
  const ObjectReader inner = whole.object("text_config");
  const Fields text(whole.at("text_config"), inner.where());
  ModelSpec spec = read_llama4_text(text);
  spec.tied_head = whole.flag_or("tie_word_embeddings", spec.tied_head);
  spec.dtype = dtype_of({&text, &whole});
  return spec;
}

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
  f.must_be("activation_function", kGeluTanh);
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
  for (const auto& [key, value] : ObjectReader(f.whole(), f.where()).items()) {
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

struct Family {
  const char* model_type;
  std::vector<std::string> architectures;  ///< that the counts are true for
  ModelSpec (*read)(const Fields&);
};

const std::vector<Family>& families() {
  static const std::vector<Family> kFamilies = {
      {"llama", {"LlamaForCausalLM"}, read_llama},
      {"llama4", {"Llama4ForConditionalGeneration", "Llama4ForCausalLM"}, read_llama4},
      {"llama4_text", {"Llama4ForCausalLM"}, read_llama4_text},
      {"mistral", {"MistralForCausalLM"}, read_mistral},
      {"qwen2", {"Qwen2ForCausalLM"}, read_qwen2},
      {"qwen3", {"Qwen3ForCausalLM"}, read_qwen3},
      {"gpt2", {"GPT2LMHeadModel"}, read_gpt2},
      {"flops_fit_gpt", {"FlopsFitGPT"}, read_flops_fit_gpt},
  };
  return kFamilies;
}

void check_architectures(const Fields& f, const Family& family) {
  if (!f.has("architectures")) {
    return;
  }
  const Json& list = f.at("architectures");
  if (!list.is_array()) {
    throw error<FileError>("{}: architectures: expected a list of class names.", f.where());
  }
  for (const Json& item : list) {
    const auto& known = family.architectures;
    if (!item.is_string() || std::find(known.begin(), known.end(), item) == known.end()) {
      throw error<FileError>("{}: architectures: {} is not modelled; model_type {} has {}.",
                             f.where(),
                             io::json_text(item),
                             family.model_type,
                             fmt::join(known, " and "));
    }
  }
}

}  // namespace

std::vector<std::string> known_model_types() {
  std::vector<std::string> out;
  for (const Family& family : families()) {
    out.emplace_back(family.model_type);
  }
  return out;
}

ModelSpec parse_model(const Json& config, const std::string& where) {
  const Fields fields(config, where);
  std::string model_type = fields.text("model_type");
  std::transform(model_type.begin(), model_type.end(), model_type.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  for (const Family& family : families()) {
    if (family.model_type != model_type) {
      continue;
    }
    check_architectures(fields, family);
    if (fields.has("quantization_config")) {
      throw error<FileError>(
          "{}: quantization_config: quantized weights are not read from the config; remove it and "
          "give the bits (--w-bit 4).",
          where);
    }
    ModelSpec spec = family.read(fields);
    spec.model_type = model_type;
    spec.name = fs::path(where).stem().string();
    return spec;
  }
  throw error<FileError>("{}: model_type: \"{}\" is unknown; there are: {}.",
                         where,
                         fields.text("model_type"),
                         fmt::join(known_model_types(), ", "));
}

Json read_model_config(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw error<FileError>(
        "{}: no such file. Names of models are not looked up on the network: download the model's "
        "config.json, and pass its path.",
        path.string());
  }
  return io::read_json(path, "download the model's config.json");
}

ModelSpec load_model(const fs::path& path) {
  return parse_model(read_model_config(path), path.string());
}

}  // namespace ff::cost
