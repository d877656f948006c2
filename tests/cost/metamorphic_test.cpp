// SPDX-License-Identifier: MIT
// What must hold between the counts of related workloads and models, whatever the formulas are.
#include "support/catch.h"

#include "flops_fit/cost/load_model.h"
#include "flops_fit/cost/training.h"
#include "flops_fit/io/json.h"

using namespace ff::cost;

namespace {

ModelSpec model(const std::string& name) {
  return load_model(FF_SOURCE_DIR "/tests/golden/roofline/configs/" + name + ".json");
}

/// A llama, a llama4 with experts, chunks and layers without rotary embedding, and a mistral with a
/// window: chunk and window short enough to be felt.
std::vector<ModelSpec> models() {
  std::vector<ModelSpec> out = {model("llama32-1b"), model("llama4-scout-17b-16e")};
  for (LayerSpec& layer : out.back().layers) {
    if (layer.span.kind == AttentionSpan::Kind::kChunk) {
      layer.span.size = 13;
    }
  }
  out.push_back(parse_model(
      ff::io::parse_json(R"({"model_type": "mistral", "hidden_size": 64, "intermediate_size": 96,
        "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 8, "vocab_size": 100, "hidden_act": "silu", "sliding_window": 7})"),
      "mistral.json"));
  return out;
}

std::vector<OpCost> costs(const ModelSpec& spec, const Workload& workload) {
  return evaluate(build_graph(spec), ModuleDb::builtin(), workload);
}

Workload of(std::vector<Query> queries) {
  return {.queries = std::move(queries), .all_logits = true};
}

}  // namespace

TEST_CASE("B sequences of S cost B times one sequence, except for weights", "[cost]") {
  for (const ModelSpec& spec : models()) {
    CAPTURE(spec.name);
    for (const bool causal : {true, false}) {
      for (const bool all_logits : {true, false}) {
        Workload one{.queries = {{3, 20}}, .causal = causal, .all_logits = all_logits};
        Workload five = one;
        five.queries.assign(5, {3, 20});
        const Cost single = total(costs(spec, one));
        const Cost batch = total(costs(spec, five));
        CHECK(batch.matmul == single.matmul * 5);
        CHECK(batch.elementwise == single.elementwise * 5);
        CHECK(batch.read == single.read * 5);
        CHECK(batch.write == single.write * 5);
        CHECK(batch.saved == single.saved * 5);
        CHECK(batch.parameters == single.parameters);
        if (spec.num_experts == 0) {
          CHECK(batch.weight == single.weight);  // with experts, more tokens touch more of them
        } else {
          CHECK(single.weight < batch.weight);
        }
        CHECK(kv_cache_bytes(spec, five) == kv_cache_bytes(spec, one) * 5);
      }
    }
  }
}

TEST_CASE("twice the layers cost twice the blocks", "[cost]") {
  for (const ModelSpec& spec : models()) {
    CAPTURE(spec.name);
    ModelSpec twice = spec;
    twice.layers.insert(twice.layers.end(), spec.layers.begin(), spec.layers.end());
    const auto blocks = [](const std::vector<OpCost>& ops) {
      Cost sum;
      for (const OpCost& op : ops) {
        if (is_in_block(op.path)) {
          sum += op.total();
        }
      }
      return sum;
    };
    const Workload workload = of({{5, 17}, {0, 4}});
    const Cost once = blocks(costs(spec, workload));
    const Cost doubled = blocks(costs(twice, workload));
    for (const Quantity& quantity : kQuantities) {
      CAPTURE(quantity.key);
      CHECK(doubled.*quantity.of == once.*quantity.of * 2);
    }
    const Cost rest = total(costs(spec, workload));
    CHECK(total(costs(twice, workload)).matmul == rest.matmul + once.matmul);
  }
}

TEST_CASE("a query's tokens cost the same in one call and in two", "[cost]") {
  for (const ModelSpec& spec : models()) {
    CAPTURE(spec.name);
    for (const int64_t cached : {0, 6, 30}) {
      for (const int64_t first : {1, 9}) {
        const int64_t second = 25;
        const Cost whole = total(costs(spec, of({{cached, first + second}})));
        Cost parts = total(costs(spec, of({{cached, first}})));
        parts += total(costs(spec, of({{cached + first, second}})));
        CHECK(parts.matmul == whole.matmul);
        CHECK(parts.elementwise == whole.elementwise);
        CHECK(parts.write == whole.write);
      }
    }
  }
}

TEST_CASE("chunks and windows see what a walk over all positions sees", "[cost]") {
  for (const ModelSpec& spec : models()) {
    const Workload workload = of({{11, 29}, {0, 3}});
    for (const OpCost& op : costs(spec, workload)) {
      if (op.cls == "flops_fit.ScaledDotProductAttention" || !is_attention({.cls = op.cls})) {
        continue;
      }
      const bool chunk = op.cls == "flops_fit.ChunkedAttention";
      const int64_t size = chunk ? 13 : 7;
      int64_t pairs = 0;
      for (const Query& query : workload.queries) {
        for (int64_t p = query.cached_tokens; p < query.cached_tokens + query.new_tokens; ++p) {
          pairs += chunk ? p % size + 1 : std::min(p + 1, size);
        }
      }
      CAPTURE(op.path);
      CHECK(op.each.matmul == Num(4 * pairs * spec.num_heads * spec.head_dim));
      CHECK(op.each.elementwise == Num(5 * pairs * spec.num_heads));
    }
  }
}

TEST_CASE("experts are read as often as uniform routing touches them", "[cost]") {
  // By hand: one token touches k; two tokens of one expert each, out of two, touch 1.5 on average.
  CHECK(touched_experts(16, 1, 1) == Num(1));
  CHECK(touched_experts(6, 2, 1) == Num(2));
  CHECK(touched_experts(2, 1, 2) == Num::ratio(3, 2));
  CHECK(touched_experts(16, 1, 3).to_double() == Approx(16 * (1 - std::pow(15.0 / 16, 3))));
  CHECK(touched_experts(16, 1, 5000) == Num(16));
  CHECK(touched_experts(16, 16, 1) == Num(16));
}

TEST_CASE("training: what is computed again is added, and nothing else changes", "[cost]") {
  const ModelSpec spec = model("llama32-1b");
  const TrainFlops plain = train_flops(spec, 128);
  CHECK(plain.backward == plain.forward * 2);
  CHECK(plain.again == Num(0));
  const Num head = Num(2 * 128) * spec.d_model * spec.vocab_size;
  CHECK(train_flops(spec, 128, {.recompute = true}).again == plain.forward - head);
  const Num scores = Num(128 * 129 / 2) * 2 * spec.num_heads * spec.head_dim * spec.num_layers();
  CHECK(train_flops(spec, 128, {.remake_scores = true}).again == scores);
  // Tiles as long as the sequence mask nothing.
  CHECK(train_flops(spec, 128, {.mask_tile = 128}).forward ==
        train_flops(spec, 128, {.causal = false}).forward);
}

TEST_CASE("training memory: activations counted by hand for a small GPT", "[cost]") {
  // d 8, one head, d_ff 16, V 10, one layer, S 4, all in float32; norms without gain.
  const ModelSpec spec = spec_of(
      {.d_model = 8, .num_layers = 1, .num_heads = 1, .d_ff = 16, .vocab_size = 10, .seq_len = 4});
  Workload workload = of({{0, 4}});
  workload.w_bytes = workload.a_bytes = workload.kv_bytes = 4;
  const TrainMemory memory = train_memory(spec, workload);
  const int64_t parameters = 4 * 8 * 8 + 3 * 8 * 16 + 2 * 8 * 10;
  CHECK(memory.weights == Num(4 * parameters));
  CHECK(memory.fixed() == Num(16 * parameters));
  const int64_t stream = 4 * 8;
  // Two norms (output and 1 / rms), q and k turned, v, attention's output and its sums, two
  // residual sums, gate, up and their product; embedding, last norm, logits.
  const int64_t block =
      2 * (stream + 4) + 2 * stream + stream + (stream + 4) + 2 * stream + 3 * 4 * 16;
  const int64_t outside = stream + (stream + 4) + 4 * 10;
  CHECK(memory.activations == Num(4 * (block + outside)));
  // With one layer all of it is made again at once.
  CHECK(memory.activations_recomputed == memory.activations);
  ModelSpec deep = spec;
  deep.layers.resize(3);
  const TrainMemory three = train_memory(deep, workload);
  CHECK(three.activations == Num(4 * (3 * block + outside)));
  CHECK(three.activations_recomputed == Num(4 * (2 * stream + block + outside)));
}
