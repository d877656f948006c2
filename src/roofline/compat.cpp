// SPDX-License-Identifier: MIT
#include "flops_fit/roofline/compat.h"

#include "flops_fit/cost/model_spec.h"
#include "flops_fit/io/json.h"

#include <algorithm>

namespace ff::roofline {
namespace {

using cost::Num;

/// One operator in one block.
struct Metrics {
  Num flops, weight, input, output;
};

Metrics operator*(const Metrics& m, const Num& times) {
  return {m.flops * times, m.weight * times, m.input * times, m.output * times};
}

/// The Analyzer's formulas; b = bytes of a number, T = new tokens of all queries.
struct Formulas {
  Num b, tokens;

  [[nodiscard]] Metrics gemm(const Num& k, const Num& n) const {
    // 2k - 1 per output: k products, k - 1 sums.
    return {tokens * n * (k * 2 - 1), k * n * b, tokens * k * b, tokens * n * b};
  }
  [[nodiscard]] Metrics rms_norm(const Num& d) const {
    return {(d * 4 + 2) * tokens, (d + 1) * b, d * tokens * b, d * tokens * b};
  }
  [[nodiscard]] Metrics rope(const Num& width) const {
    return {width * tokens * 3, 0, width * tokens * b, width * tokens * b};
  }
  [[nodiscard]] Metrics add(const Num& d) const {
    return {tokens * d, 0, tokens * d * b * 2, tokens * d * b};
  }
  [[nodiscard]] Metrics act_mul(const Num& width) const {
    // 5 width T is what it would be.
    return {width * 5 + tokens, 0, width * tokens * b * 2, width * tokens * b};
  }
  [[nodiscard]] Metrics attention(std::span<const cost::Query> queries,
                                  const Num& d,
                                  const Num& kv) const {
    Metrics sum;
    for (const cost::Query& query : queries) {
      const Num q = query.new_tokens;
      const Num keys = q + query.cached_tokens;
      sum.flops += q * keys * (d * 2 - 1) + q * kv * (keys * 2 - 1);
      sum.input += q * d * b + keys * kv * b * 2;
      sum.output += q * d * b;
    }
    return sum;
  }
};

class Table {
 public:
  explicit Table(int64_t blocks) { out_.num_blocks = blocks; }

  void add(const std::string& node, int64_t blocks, const Metrics& m) {
    if (blocks == 0) {
      return;
    }
    out_.rows.push_back({node,
                         fmt::format("{} / {}", blocks, out_.num_blocks),
                         m.flops,
                         m.weight,
                         m.input,
                         m.output});
    out_.row_blocks.push_back(blocks);
    const Metrics all = m * blocks;
    out_.total.flops += all.flops;
    out_.total.weight_bytes += all.weight;
    out_.total.input_bytes += all.input;
    out_.total.output_bytes += all.output;
  }

  void feed_forward(const std::string& prefix,
                    int64_t blocks,
                    const Formulas& f,
                    const Num& d,
                    const Num& width,
                    const Num& times = 1) {
    add(prefix + "GateUp_Proj", blocks, f.gemm(d, width * 2) * times);
    add(prefix + "ActMul", blocks, f.act_mul(width) * times);
    add(prefix + "Down_Proj", blocks, f.gemm(width, d) * times);
  }

  CompatTable finish() {
    out_.total.node = fmt::format("Total ({} Blocks)", out_.num_blocks);
    out_.total.blocks = "N/A";
    return std::move(out_);
  }

  [[nodiscard]] const Num& weight_bytes() const { return out_.total.weight_bytes; }
  void store(const std::string& name, const Num& bytes) { out_.storage.push_back({name, bytes}); }

 private:
  CompatTable out_;
};

}  // namespace

CompatTable compat_table(const io::Json& config,
                         const std::string& model_type,
                         const std::string& where,
                         std::span<const cost::Query> queries) {
  const io::ObjectReader whole(config, where);
  const bool moe = model_type == "llama4";
  if (model_type != "llama" && !moe) {
    throw error<ConfigError>(
        "--profile compat: the Transformer Roofline Analyzer knows llama and llama4, not {}; use "
        "--profile exact.",
        model_type);
  }
  const io::ObjectReader text = moe ? whole.object("text_config") : whole;
  const auto count = [&](const char* key) { return Num(text.integer(key)); };
  // It knows no other key for the type, and falls back without a word.
  const std::string dtype = text.text_or("torch_dtype", "float16");

  const int64_t blocks = text.integer("num_hidden_layers");
  const Num d = count("hidden_size");
  const Num heads = count("num_attention_heads");
  const Num kv_heads = count("num_key_value_heads");
  const Num head_dim = moe ? count("head_dim") : d / heads;
  const Num kv = head_dim * kv_heads;
  const Num b = Num(cost::dtype_bits(dtype)) / 8;
  Formulas f{.b = b};
  Num keys = 0;
  for (const cost::Query& query : queries) {
    f.tokens += query.new_tokens;
    keys += Num(query.new_tokens) + query.cached_tokens;
  }

  Table table(blocks);
  table.add("Attn - RMSNorm", blocks, f.rms_norm(d));
  table.add("Attn - QKV_Proj", blocks, f.gemm(d, head_dim * (heads + kv_heads * 2)));
  table.add("Attn - RoPE", blocks, f.rope(head_dim * (heads + kv_heads)));
  table.add("Attn - SDPA", blocks, f.attention(queries, d, kv));
  table.add("Attn - O_Proj", blocks, f.gemm(d, d));
  table.add("Attn - ResidualAdd", blocks, f.add(d));
  table.add("Ffn - RMSNorm", blocks, f.rms_norm(d));
  Num additional_experts = 0;
  if (moe) {
    const Num experts = count("num_local_experts");
    const Num chosen = count("num_experts_per_tok");
    const Num width = count("intermediate_size");
    const int64_t step = text.integer("interleave_moe_layer_step");
    if (step < 1) {
      throw error<FileError>(
          "{}: interleave_moe_layer_step: expected 1 or more, found {}.", text.where(), step);
    }
    const int64_t moe_blocks = blocks / step;
    table.add("Ffn - Router", blocks, f.gemm(d, experts));
    table.feed_forward("Ffn - RoutedExp_", moe_blocks, f, d, width, chosen);
    table.feed_forward("Ffn - SharedExp_", moe_blocks, f, d, width);
    table.add("Ffn - RoutedSharedExpAdd", moe_blocks, f.add(d));
    table.feed_forward("Ffn - NonMoE_", blocks - moe_blocks, f, d, count("intermediate_size_mlp"));
    additional_experts = d * width * b * 3 * (experts - chosen) * moe_blocks;
  } else {
    table.feed_forward("Ffn - ", blocks, f, d, count("intermediate_size"));
  }
  table.add("Ffn - ResidualAdd", blocks, f.add(d));

  table.store("Weights", table.weight_bytes());
  table.store("KV-cache", keys * kv * b * 2 * blocks);
  if (moe) {
    table.store("Additional Experts", additional_experts);
  }
  table.store("Embedding Table", d * count("vocab_size") * b);
  return table.finish();
}

}  // namespace ff::roofline
