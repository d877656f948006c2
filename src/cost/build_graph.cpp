// SPDX-License-Identifier: MIT
// A model's tree from its description.
#include "flops_fit/cost/graph.h"
#include "flops_fit/util/error.h"

#include <algorithm>

namespace ff::cost {
namespace {

using Parameters = std::vector<std::pair<std::string, Expr>>;

const Expr& name_of(const char* runtime_name) {
  // Parsed once: the planner builds thousands of trees.
  static const auto kNames = [] {
    std::vector<std::pair<std::string, Expr>> out;
    for (const char* name : {"tokens",
                             "logit_tokens",
                             "new_tokens",
                             "cached_tokens",
                             "causal",
                             "mask_tile",
                             "touched_experts",
                             "w_dtype_bytes",
                             "a_dtype_bytes",
                             "kv_dtype_bytes",
                             "index_dtype_bytes"}) {
      out.emplace_back(name, Expr::parse(fmt::format("{{{}}}", name)));
    }
    return out;
  }();
  return std::find_if(kNames.begin(),
                      kNames.end(),
                      [&](const auto& entry) { return entry.first == runtime_name; })
      ->second;
}

Expr number(int64_t value) {
  return Expr(Num(value));
}

/// "tokens" times a number of copies (heads, experts) of each.
Expr tokens_times(int64_t copies) {
  return copies == 1 ? name_of("tokens") : Expr::parse(fmt::format("{{tokens}} * {}", copies));
}

Node leaf(std::string name, const char* cls, Parameters parameters) {
  return {.name = std::move(name),
          .cls = std::string("flops_fit.") + cls,
          .parameters = std::move(parameters)};
}

Node container(std::string name, const char* cls, std::vector<Node> children) {
  return {.name = std::move(name),
          .cls = std::string("flops_fit.") + cls,
          .children = std::move(children)};
}

struct LinearShape {
  int64_t in, out;
  bool kept = false;  ///< whether the backward pass reads the output
  bool bias = false;
  bool tied = false;
  const char* tokens = "tokens";
};

Node linear(std::string name, const LinearShape& s) {
  return leaf(std::move(name),
              "Linear",
              {{"tokens", name_of(s.tokens)},
               {"in_features", number(s.in)},
               {"out_features", number(s.out)},
               {"bias", number(s.bias ? 1 : 0)},
               {"tied", number(s.tied ? 1 : 0)},
               {"kept", number(s.kept ? 1 : 0)},
               {"w_dtype_bytes", name_of("w_dtype_bytes")},
               {"a_dtype_bytes", name_of("a_dtype_bytes")}});
}

Node rms_norm(std::string name, Expr tokens, int64_t dim, bool gain, bool kept) {
  return leaf(std::move(name),
              "RMSNorm",
              {{"tokens", std::move(tokens)},
               {"dim", number(dim)},
               {"gain", number(gain ? 1 : 0)},
               {"kept", number(kept ? 1 : 0)},
               {"w_dtype_bytes", name_of("w_dtype_bytes")},
               {"a_dtype_bytes", name_of("a_dtype_bytes")}});
}

Node embedding(std::string name, int64_t rows, int64_t dim, bool kept) {
  return leaf(std::move(name),
              "Embedding",
              {{"tokens", name_of("tokens")},
               {"num_embeddings", number(rows)},
               {"embedding_dim", number(dim)},
               {"kept", number(kept ? 1 : 0)},
               {"w_dtype_bytes", name_of("w_dtype_bytes")},
               {"a_dtype_bytes", name_of("a_dtype_bytes")},
               {"index_dtype_bytes", name_of("index_dtype_bytes")}});
}

/// The nodes of one model, from its description.
class Builder {
 public:
  explicit Builder(const ModelSpec& spec) : s_(&spec) {}

  [[nodiscard]] Graph run() const {
    std::vector<Node> trunk;
    trunk.push_back(embedding("embed_tokens", s_->vocab_size, s_->d_model, s_->position_rows == 0));
    if (s_->position_rows > 0) {
      trunk.push_back(embedding("embed_positions", s_->position_rows, s_->d_model, false));
      trunk.push_back(add("add_positions", 1, true));
    }
    for (const auto& [layer, count] : kinds()) {
      trunk.push_back(decoder_layer(layer));
      trunk.back().repeat = count;
    }
    trunk.push_back(norm("norm"));
    Graph graph{.model_id = s_->name.empty() ? s_->model_type : s_->name};
    graph.layers.push_back(container("model", "Decoder", std::move(trunk)));
    graph.layers.push_back(linear("lm_head",
                                  {.in = s_->d_model,
                                   .out = s_->vocab_size,
                                   .kept = true,
                                   .tied = s_->tied_head,
                                   .tokens = "logit_tokens"}));
    return graph;
  }

 private:
  [[nodiscard]] std::vector<std::pair<LayerSpec, int64_t>> kinds() const {
    std::vector<std::pair<LayerSpec, int64_t>> out;
    for (const LayerSpec& layer : s_->layers) {
      const auto known = std::find_if(
          out.begin(), out.end(), [&](const auto& kind) { return kind.first == layer; });
      if (known == out.end()) {
        out.emplace_back(layer, 1);
      } else {
        ++known->second;
      }
    }
    return out;
  }

  /// "layers", with what sets this kind apart from the model's others.
  [[nodiscard]] std::string layer_name(const LayerSpec& layer) const {
    const auto differ = [&](auto field) {
      return std::any_of(s_->layers.begin(), s_->layers.end(), [&](const LayerSpec& other) {
        return !(other.*field == layer.*field);
      });
    };
    std::vector<std::string> marks;
    if (differ(&LayerSpec::experts)) {
      marks.emplace_back(layer.experts ? "experts" : "dense");
    }
    if (differ(&LayerSpec::rotary)) {
      marks.emplace_back(layer.rotary ? "rotary" : "no_rotary");
    } else if (differ(&LayerSpec::span)) {
      marks.emplace_back(layer.span.kind == AttentionSpan::Kind::kAll ? "all" : "window");
    }
    return marks.empty() ? "layers" : fmt::format("layers[{}]", fmt::join(marks, ","));
  }

  [[nodiscard]] Node norm(std::string name) const {
    if (s_->norm == ModelSpec::Norm::kRms) {
      return rms_norm(std::move(name), name_of("tokens"), s_->d_model, s_->norm_gain, true);
    }
    return leaf(std::move(name),
                "LayerNorm",
                {{"tokens", name_of("tokens")},
                 {"dim", number(s_->d_model)},
                 {"kept", number(1)},
                 {"w_dtype_bytes", name_of("w_dtype_bytes")},
                 {"a_dtype_bytes", name_of("a_dtype_bytes")}});
  }

  [[nodiscard]] Node add(std::string name, int64_t copies, bool kept) const {
    return leaf(std::move(name),
                "Add",
                {{"tokens", tokens_times(copies)},
                 {"dim", number(s_->d_model)},
                 {"kept", number(kept ? 1 : 0)},
                 {"a_dtype_bytes", name_of("a_dtype_bytes")}});
  }

  [[nodiscard]] Node elementwise(std::string name,
                                 const char* cls,
                                 Expr tokens,
                                 int64_t dim) const {
    return leaf(std::move(name),
                cls,
                {{"tokens", std::move(tokens)},
                 {"dim", number(dim)},
                 {"a_dtype_bytes", name_of("a_dtype_bytes")}});
  }

  [[nodiscard]] Node scores(const LayerSpec& layer) const {
    using Kind = AttentionSpan::Kind;
    Parameters parameters = {{"new_tokens", name_of("new_tokens")},
                             {"cached_tokens", name_of("cached_tokens")},
                             {"num_heads", number(s_->num_heads)},
                             {"num_kv_heads", number(s_->num_kv_heads)},
                             {"head_dim", number(s_->head_dim)},
                             {"causal", name_of("causal")}};
    const char* cls = "ScaledDotProductAttention";
    if (layer.span.kind == Kind::kAll) {
      parameters.emplace_back("mask_tile", name_of("mask_tile"));
    } else if (layer.span.kind == Kind::kChunk) {
      cls = "ChunkedAttention";
      parameters.emplace_back("chunk", number(layer.span.size));
    } else {
      cls = "SlidingWindowAttention";
      parameters.emplace_back("window", number(layer.span.size));
    }
    parameters.emplace_back("kv_dtype_bytes", name_of("kv_dtype_bytes"));
    parameters.emplace_back("a_dtype_bytes", name_of("a_dtype_bytes"));
    return leaf("attention", cls, std::move(parameters));
  }

  [[nodiscard]] Node self_attention(const LayerSpec& layer) const {
    using QkNorm = ModelSpec::QkNorm;
    const int64_t q_width = s_->num_heads * s_->head_dim;
    const int64_t kv_width = s_->num_kv_heads * s_->head_dim;
    const int64_t heads = s_->num_heads + s_->num_kv_heads;
    const bool gained = s_->qk_norm == QkNorm::kRms;
    // The rotation is linear: only what is behind it is read again.
    const bool qk_kept = gained || !layer.rotary;
    std::vector<Node> out;
    out.push_back(linear(
        "q_proj", {.in = s_->d_model, .out = q_width, .kept = qk_kept, .bias = s_->qkv_bias}));
    out.push_back(linear(
        "k_proj", {.in = s_->d_model, .out = kv_width, .kept = qk_kept, .bias = s_->qkv_bias}));
    out.push_back(
        linear("v_proj", {.in = s_->d_model, .out = kv_width, .kept = true, .bias = s_->qkv_bias}));
    if (gained) {
      out.push_back(
          rms_norm("q_norm", tokens_times(s_->num_heads), s_->head_dim, true, !layer.rotary));
      out.push_back(
          rms_norm("k_norm", tokens_times(s_->num_kv_heads), s_->head_dim, true, !layer.rotary));
    }
    if (layer.rotary) {
      out.push_back(leaf("rotary_emb",
                         "RotaryEmbedding",
                         {{"tokens", name_of("tokens")},
                          {"heads", number(heads)},
                          {"head_dim", number(s_->head_dim)},
                          {"a_dtype_bytes", name_of("a_dtype_bytes")}}));
      if (s_->qk_norm == QkNorm::kL2) {
        out.push_back(elementwise("qk_norm", "L2Norm", tokens_times(heads), s_->head_dim));
      }
    }
    out.push_back(scores(layer));
    out.push_back(linear("o_proj", {.in = q_width, .out = s_->d_model, .bias = s_->other_bias}));
    return container("self_attn", "Attention", std::move(out));
  }

  [[nodiscard]] Node dense(std::string name, int64_t d_ff) const {
    const int64_t d = s_->d_model;
    std::vector<Node> out;
    if (s_->feed_forward == ModelSpec::FeedForward::kSwiGlu) {
      out.push_back(linear("gate_proj", {.in = d, .out = d_ff, .kept = true}));
      out.push_back(linear("up_proj", {.in = d, .out = d_ff, .kept = true}));
      out.push_back(elementwise("act_mul", "SwiGLU", name_of("tokens"), d_ff));
    } else {
      out.push_back(
          linear("up_proj", {.in = d, .out = d_ff, .kept = true, .bias = s_->other_bias}));
      out.push_back(elementwise("act", "GeluTanh", name_of("tokens"), d_ff));
    }
    out.push_back(linear("down_proj", {.in = d_ff, .out = d, .bias = s_->other_bias}));
    return container(std::move(name), "FeedForward", std::move(out));
  }

  [[nodiscard]] Node expert_linear(std::string name, int64_t in, int64_t width, bool kept) const {
    return leaf(std::move(name),
                "ExpertLinear",
                {{"tokens", name_of("tokens")},
                 {"in_features", number(in)},
                 {"out_features", number(width)},
                 {"num_experts", number(s_->num_experts)},
                 {"experts_per_token", number(s_->experts_per_token)},
                 {"touched_experts", name_of("touched_experts")},
                 {"kept", number(kept ? 1 : 0)},
                 {"w_dtype_bytes", name_of("w_dtype_bytes")},
                 {"a_dtype_bytes", name_of("a_dtype_bytes")}});
  }

  /// Llama 4's: a router, k of E experts, and one that every token passes; their outputs are added.
  [[nodiscard]] Node mixture() const {
    const int64_t d = s_->d_model;
    const int64_t f = s_->expert_d_ff;
    std::vector<Node> out;
    out.push_back(linear("router", {.in = d, .out = s_->num_experts, .kept = true}));
    out.push_back(
        container("experts",
                  "Experts",
                  {expert_linear("gate_proj", d, f, true),
                   expert_linear("up_proj", d, f, true),
                   elementwise("act_mul", "SwiGLU", tokens_times(s_->experts_per_token), f),
                   expert_linear("down_proj", f, d, false)}));
    out.push_back(dense("shared_expert", f));
    out.push_back(add("add_experts", s_->experts_per_token, false));
    return container("feed_forward", "MixtureOfExperts", std::move(out));
  }

  [[nodiscard]] Node decoder_layer(const LayerSpec& layer) const {
    std::vector<Node> out;
    out.push_back(norm("input_layernorm"));
    out.push_back(self_attention(layer));
    out.push_back(add("attn_residual", 1, true));
    out.push_back(norm("post_attention_layernorm"));
    out.push_back(layer.experts ? mixture() : dense("mlp", s_->d_ff));
    out.push_back(add("mlp_residual", 1, true));
    return container(layer_name(layer), "DecoderLayer", std::move(out));
  }

  const ModelSpec* s_;
};

}  // namespace

Graph build_graph(const ModelSpec& spec) {
  return Builder(spec).run();
}

}  // namespace ff::cost
