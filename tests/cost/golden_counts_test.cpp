// SPDX-License-Identifier: MIT
// The counts of real models against reference numbers (tests/golden/roofline/checks.json) and
// published ones.
#include "support/catch.h"

#include "flops_fit/cost/hardware.h"
#include "flops_fit/cost/load_model.h"
#include "flops_fit/cost/training.h"
#include "flops_fit/io/json.h"

using namespace ff::cost;
using ff::io::Json;

namespace {

const std::string kGolden = FF_SOURCE_DIR "/tests/golden/roofline/";

const Json& checks() {
  static const Json all = ff::io::read_json(kGolden + "checks.json", "");
  return all;
}

ModelSpec model(const std::string& name) {
  return load_model(kGolden + "configs/" + name + ".json");
}

Workload workload_of(const Json& check) {
  Workload out{.causal = check["mask"] == "causal", .all_logits = check["logits"] == "all"};
  for (size_t i = 0; i < check["input"].size(); ++i) {
    out.queries.push_back({check["cached"][i], check["input"][i]});
  }
  return out;
}

std::vector<OpCost> costs_of(const Json& check) {
  return evaluate(build_graph(model(check["config"])), ModuleDb::builtin(), workload_of(check));
}

}  // namespace

TEST_CASE("exact counts equal the reference's to the integer", "[cost]") {
  for (const Json& check : checks()["exact"]) {
    CAPTURE(check.dump());
    const Cost sum = total(costs_of(check));
    const ParamTotals params = param_totals(model(check["config"]));
    CHECK(params.total == Num(check["params_total"].get<int64_t>()));
    CHECK(params.active == Num(check["params_active"].get<int64_t>()));
    CHECK(sum.matmul == Num(check["matmul"].get<int64_t>()));
    CHECK(sum.elementwise == Num(check["elementwise"].get<int64_t>()));
    CHECK(sum.weight == Num(check["weight_bytes"].get<int64_t>()));
    CHECK(sum.read == Num(check["read_bytes"].get<int64_t>()));
    CHECK(sum.write == Num(check["write_bytes"].get<int64_t>()));
    CHECK(kv_cache_bytes(model(check["config"]), workload_of(check)) ==
          Num(check["kv_cache_bytes"].get<int64_t>()));
  }
}

TEST_CASE("roofline times equal the reference's", "[cost]") {
  for (const Json& check : checks()["time"]) {
    CAPTURE(check.dump());
    const Roofline roofline{.flops_per_s = check["peak_flops"], .bytes_per_s = check["bandwidth"]};
    CHECK(seconds_of(costs_of(check), roofline) ==
          Approx(check["seconds"].get<double>()).epsilon(1e-9));
  }
}

TEST_CASE("training FLOPs per token of the project's GPT equal the reference's", "[cost]") {
  for (const Json& check : checks()["train"]) {
    CAPTURE(check.dump());
    const ModelSpec spec = parse_model(check["config"], "checks.json");
    const ParamTotals params = param_totals(spec);
    CHECK(params.total == Num(check["params_total"].get<int64_t>()));
    CHECK(params.body() == Num(check["params_body"].get<int64_t>()));
    for (const bool causal : {false, true}) {
      const int64_t seq_len = check["seq_len"];
      const Json& expected = check[causal ? "causal" : "full"];
      const TrainFlops flops = train_flops(spec, seq_len, {.causal = causal});
      CHECK(flops.forward == Num(expected["fwd_per_token"].get<int64_t>()) * seq_len);
      CHECK(flops.backward == Num(expected["bwd_per_token"].get<int64_t>()) * seq_len);
      CHECK(flops.total() == Num(expected["train_per_token"].get<int64_t>()) * seq_len);
    }
  }
}

TEST_CASE("parameter counts of ten models equal the published ones", "[cost]") {
  // Sizes of the published weights (safetensors metadata). Llama 4's are of the text model: 108.64
  // and 401.58 billion less the vision tower's 871,932,416.
  const std::vector<std::pair<const char*, int64_t>> published = {
      {"llama2-7b", 6'738'415'616},
      {"llama2-13b", 13'015'864'320},
      {"llama2-70b", 68'976'648'192},
      {"llama31-8b", 8'030'261'248},
      {"llama31-70b", 70'553'706'496},
      {"llama31-405b", 405'853'388'800},
      {"llama32-1b", 1'235'814'400},
      {"llama32-3b", 3'212'749'824},
      {"llama4-scout-17b-16e", 108'641'793'536 - 871'932'416},
      {"llama4-maverick-17b-128e", 401'583'781'376 - 871'932'416}};
  for (const auto& [name, parameters] : published) {
    CAPTURE(name);
    CHECK(param_totals(model(name)).total.to_string() == std::to_string(parameters));
  }
}

TEST_CASE("parameter counts of other families equal the published ones", "[cost]") {
  const auto count = [](const char* config) {
    return param_totals(parse_model(ff::io::parse_json(config), "config.json")).total.to_string();
  };
  CHECK(count(R"({"model_type": "mistral", "architectures": ["MistralForCausalLM"],
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32000,
    "hidden_act": "silu", "sliding_window": 4096})") == "7241732096");
  // Mistral Nemo's heads are together narrower than the model.
  CHECK(count(R"({"model_type": "mistral", "hidden_size": 5120, "intermediate_size": 14336,
    "num_hidden_layers": 40, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "vocab_size": 131072, "hidden_act": "silu"})") == "12247782400");
  CHECK(count(R"({"model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944,
    "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
    "vocab_size": 152064, "hidden_act": "silu", "use_sliding_window": false})") == "7615616512");
  CHECK(count(R"({"model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288,
    "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "vocab_size": 151936, "hidden_act": "silu"})") == "8190735360");
  CHECK(count(R"({"model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072,
    "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
    "vocab_size": 151936, "hidden_act": "silu", "tie_word_embeddings": true})") == "596049920");
  CHECK(count(R"({"model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_layer": 12,
    "n_positions": 1024, "vocab_size": 50257, "activation_function": "gelu_new"})") == "124439808");
}

TEST_CASE("LM-Predictor's totals come out of its own formulas and tree", "[cost]") {
  for (const Json& check : checks()["lmp"]) {
    CAPTURE(check.dump());
    Workload workload{.all_logits = true};
    for (int64_t i = 0; i < check["batch_size"].get<int64_t>(); ++i) {
      workload.queries.push_back({.new_tokens = check["seq_len"]});
    }
    const Cost sum = total(
        evaluate(build_lm_predictor_graph(model("llama2-7b")), ModuleDb::lm_predictor(), workload));
    const Json& totals = check["totals"];
    CHECK(sum.flops() == Num(totals["flops"].get<int64_t>()));
    CHECK(sum.weight + sum.read == Num(totals["memory_reads"].get<int64_t>()));
    CHECK(sum.write == Num(totals["memory_writes"].get<int64_t>()));
    CHECK(sum.saved == Num(totals["memory_intermediates"].get<int64_t>()));
  }
}
