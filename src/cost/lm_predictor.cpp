// SPDX-License-Identifier: MIT
// LM-Predictor's tree of a Llama, with its names and classes. Its formulas are in
// modules/lm_predictor.json. Nothing else in the program knows of either.
#include "flops_fit/cost/graph.h"
#include "flops_fit/util/error.h"

namespace ff::cost {
namespace {

Expr whole(int64_t value) {
  return Expr(Num(value));
}

Node layer(std::string name,
           std::string cls,
           std::vector<std::pair<std::string, Expr>> parameters) {
  return {.name = std::move(name), .cls = std::move(cls), .parameters = std::move(parameters)};
}

Expr runtime(const char* formula) {
  return Expr::parse(formula);
}

constexpr const char* kLlama = "transformers.models.llama.modeling_llama.";
constexpr const char* kTokens = "{batch_size} * {seq_len}";

Node linear(std::string name, int64_t in, int64_t out) {
  return layer(std::move(name),
               "torch.nn.modules.linear.Linear",
               {{"tokens", runtime(kTokens)},
                {"in_features", whole(in)},
                {"out_features", whole(out)},
                {"w_dtype_bytes", runtime("{w_dtype_bytes}")},
                {"a_dtype_bytes", runtime("{a_dtype_bytes}")}});
}

Node norm(std::string name, int64_t d) {
  return layer(std::move(name),
               std::string(kLlama) + "LlamaRMSNorm",
               {{"tokens", runtime(kTokens)},
                {"hidden_size", whole(d)},
                {"w_dtype_bytes", runtime("{w_dtype_bytes}")},
                {"a_dtype_bytes", runtime("{a_dtype_bytes}")}});
}

Node rotary(const ModelSpec& s) {
  return layer("rotary_emb",
               std::string(kLlama) + "LlamaRotaryEmbedding",
               {{"tokens", runtime(kTokens)},
                {"head_dim", whole(s.head_dim)},
                {"a_dtype_bytes", runtime("{a_dtype_bytes}")}});
}

Node group(std::string name, const char* cls, std::vector<Node> children) {
  return {
      .name = std::move(name), .cls = std::string(kLlama) + cls, .children = std::move(children)};
}

}  // namespace

Graph build_lm_predictor_graph(const ModelSpec& spec) {
  if (spec.model_type != "llama") {
    throw error<ConfigError>(
        "--profile compat: LM-Predictor's modules know model_type llama, not {}; use --profile "
        "exact.",
        spec.model_type);
  }
  const int64_t d = spec.d_model;
  const int64_t kv = spec.num_kv_heads * spec.head_dim;
  Node act = layer("act_fn",
                   "torch.nn.modules.activation.SiLU",
                   {{"elements", runtime(fmt::format("{} * {}", kTokens, spec.d_ff).c_str())},
                    {"a_dtype_bytes", runtime("{a_dtype_bytes}")}});
  Node layers = group("layers",
                      "LlamaDecoderLayer",
                      {group("self_attn",
                             "LlamaSdpaAttention",
                             {linear("q_proj", d, d),
                              linear("k_proj", d, kv),
                              linear("v_proj", d, kv),
                              linear("o_proj", d, d),
                              rotary(spec)}),
                       group("mlp",
                             "LlamaMLP",
                             {linear("gate_proj", d, spec.d_ff),
                              linear("up_proj", d, spec.d_ff),
                              linear("down_proj", spec.d_ff, d),
                              std::move(act)}),
                       norm("input_layernorm", d),
                       norm("post_attention_layernorm", d)});
  layers.repeat = spec.num_layers();
  Graph graph{.model_id = spec.name};
  graph.layers.push_back(group("model",
                               "LlamaModel",
                               {layer("embed_tokens",
                                      "torch.nn.modules.sparse.Embedding",
                                      {{"tokens", runtime(kTokens)},
                                       {"embedding_dim", whole(d)},
                                       {"w_dtype_bytes", runtime("{w_dtype_bytes}")},
                                       {"a_dtype_bytes", runtime("{a_dtype_bytes}")},
                                       {"index_dtype_bytes", runtime("{index_dtype_bytes}")}}),
                                std::move(layers),
                                norm("norm", d),
                                rotary(spec)}));
  graph.layers.push_back(linear("lm_head", d, spec.vocab_size));
  return graph;
}

}  // namespace ff::cost
