// SPDX-License-Identifier: MIT
// Every rule that a model's config, a workload or a tree can break: exit code 2 or 3, one line, the
// culprit by name.
#include "roofline/support.h"

#include "flops_fit/cost/load_model.h"

using namespace ff::test;
using ff::io::Json;

namespace {

Json config(const std::string& name) {
  return ff::io::read_json(golden("configs/" + name + ".json"), "");
}

struct Broken {
  const char* model;
  const char* pointer;  ///< into its config
  Json value;           ///< null: the field is taken out
  const char* expected;
};

}  // namespace

TEST_CASE("a config that breaks a rule is refused, and the culprit named", "[roofline]") {
  const TemporaryFolder folder;
  const Json long_list = Json(std::vector<int>(49, 1));
  const std::vector<Broken> cases = {
      {"llama2-7b", "/model_type", "llama3", "model_type: \"llama3\" is unknown; there are: llama"},
      {"llama2-7b", "/model_type", nullptr, "model_type"},
      {"llama2-7b",
       "/architectures/0",
       "LlamaForSequenceClassification",
       "architectures: \"LlamaForSequenceClassification\" is not modelled"},
      {"llama4-scout-17b-16e", "/architectures/0", "LlamaForCausalLM", "architectures"},
      {"llama2-7b", "/architectures", "LlamaForCausalLM", "architectures: expected a list"},
      {"llama2-7b", "/hidden_size", nullptr, "hidden_size"},
      {"llama2-7b", "/num_hidden_layers", nullptr, "num_hidden_layers"},
      {"llama2-7b", "/num_attention_heads", nullptr, "num_attention_heads"},
      {"llama2-7b", "/num_key_value_heads", nullptr, "num_key_value_heads"},
      {"llama2-7b", "/intermediate_size", nullptr, "intermediate_size"},
      {"llama2-7b", "/vocab_size", nullptr, "vocab_size"},
      {"llama2-7b", "/hidden_act", nullptr, "hidden_act"},
      {"llama2-7b", "/hidden_act", "gelu", "hidden_act: \"gelu\" is not modelled"},
      {"llama2-7b", "/torch_dtype", "float15", "torch_dtype: \"float15\" is no known type"},
      {"llama2-7b", "/torch_dtype", "Float16", "torch_dtype"},
      {"llama2-7b", "/hidden_size", 0, "hidden_size: expected a whole number from 1"},
      {"llama2-7b", "/hidden_size", -4096, "hidden_size"},
      {"llama2-7b", "/hidden_size", 4096.5, "hidden_size"},
      {"llama2-7b", "/hidden_size", "4096", "hidden_size"},
      {"llama2-7b", "/vocab_size", 0, "vocab_size"},
      {"llama2-7b", "/num_hidden_layers", 0, "num_hidden_layers"},
      {"llama2-7b", "/num_hidden_layers", 1e15, "num_hidden_layers"},
      {"llama2-7b", "/intermediate_size", -1, "intermediate_size"},
      {"llama31-8b", "/num_attention_heads", 24, "hidden_size: 4096 is no multiple"},
      {"llama2-7b", "/num_key_value_heads", 5, "no multiple of num_key_value_heads"},
      {"llama2-7b", "/num_key_value_heads", 64, "no multiple of num_key_value_heads"},
      {"llama32-1b", "/head_dim", 63, "head_dim: 63 times num_attention_heads"},
      {"llama2-7b", "/attention_bias", true, "attention_bias"},
      {"llama2-7b", "/mlp_bias", true, "mlp_bias"},
      {"llama2-7b", "/tie_word_embeddings", "no", "tie_word_embeddings"},
      {"llama2-7b", "/quantization_config", Json::object(), "quantization_config"},
      {"llama4-scout-17b-16e", "/text_config", nullptr, "text_config"},
      {"llama4-scout-17b-16e",
       "/text_config/num_experts_per_tok",
       17,
       "num_experts_per_tok: 17 is more than num_local_experts, 16"},
      {"llama4-scout-17b-16e", "/text_config/num_local_experts", 0, "num_local_experts"},
      {"llama4-scout-17b-16e",
       "/text_config/no_rope_layers",
       long_list,
       "no_rope_layers: expected a list of 48 numbers"},
      {"llama4-scout-17b-16e", "/text_config/no_rope_layers/3", 2, "no_rope_layers"},
      {"llama4-scout-17b-16e", "/text_config/moe_layers", long_list, "moe_layers"},
      {"llama4-scout-17b-16e", "/text_config/moe_layers/0", 48, "moe_layers: 48 is no layer"},
      {"llama4-scout-17b-16e", "/text_config/moe_layers/0", 1, "moe_layers: 1 stands there twice"},
      {"llama4-scout-17b-16e", "/text_config/attention_bias", true, "attention_bias"},
      {"llama4-scout-17b-16e", "/text_config/attention_chunk_size", 0, "attention_chunk_size"},
      {"llama4-scout-17b-16e", "/text_config/hidden_act", "relu", "hidden_act"},
      {"llama4-scout-17b-16e", "/text_config/head_dim", 100, "head_dim"},
  };
  for (const Broken& c : cases) {
    Json broken = config(c.model);
    const Json::json_pointer pointer(c.pointer);
    if (c.value.is_null()) {
      broken[pointer.parent_pointer()].erase(pointer.back());
    } else {
      broken[pointer] = c.value;
    }
    write_text(folder / "broken.json", broken.dump());
    for (const std::string command : {"table", "analyze"}) {
      check_refused(command + " broken.json", folder.path(), 3, c.expected);
    }
  }
  // The rules are the config's, not the program's mood: unbroken, the same files pass.
  for (const std::string model : {"llama2-7b", "llama32-1b", "llama4-scout-17b-16e"}) {
    CHECK(run("ff-roofline table " + golden_config(model), folder.path()).exit_code == 0);
  }
}

TEST_CASE("a file that is no config is refused", "[roofline]") {
  const TemporaryFolder folder;
  check_refused("meta-llama/Llama-2-7b", folder.path(), 3, "download the model's config.json");
  check_refused(".", folder.path(), 3, "is a folder");
  write_text(folder / "empty.json", "");
  check_refused("empty.json", folder.path(), 3, "empty.json");
  write_text(folder / "cut.json", "{\"model_type\": \"llama\",");
  check_refused("analyze cut.json", folder.path(), 3, "cut.json");
  write_text(folder / "list.json", "[1, 2]");
  check_refused("list.json", folder.path(), 3, "list.json");
}

TEST_CASE("a module database that was named and is not there is refused", "[roofline]") {
  const TemporaryFolder folder;
  const std::string model = golden_config("llama2-7b");
  check_refused("analyze " + model + " --modules nope.json", folder.path(), 3, "nope.json");
  check_refused("modules list --modules nope.json", folder.path(), 3, "nope.json");
  CHECK(run("ff-roofline modules stub a.B --modules new.json", folder.path()).exit_code == 0);
}

TEST_CASE("a workload that is none is refused", "[roofline]") {
  const TemporaryFolder folder;
  const std::string model = " -- " + golden_config("llama2-7b");
  check_refused("--cached-tokens 1 2 --input-tokens 1" + model, folder.path(), 2, "cached_tokens");
  check_refused("--cached-tokens 0 0 --input-tokens 1 1 --batch-size 3" + model,
                folder.path(),
                2,
                "batch_size");
  check_refused("--batch-size 0" + model, folder.path(), 2, "batch_size");
  check_refused("--input-tokens 0" + model, folder.path(), 2, "input_tokens");
  check_refused("--input-tokens -1" + model, folder.path(), 2, "input_tokens");
  check_refused("--cached-tokens -1" + model, folder.path(), 2, "cached_tokens");
  check_refused("--input-tokens 1.5" + model, folder.path(), 2, "input_tokens");
  check_refused("--input-tokens many" + model, folder.path(), 2, "--input-tokens");
  check_refused("analyze --w-bit 0" + model, folder.path(), 2, "w_bit");
  check_refused("analyze --mask half" + model, folder.path(), 2, "mask");
  check_refused("analyze --logits some" + model, folder.path(), 2, "logits");
  check_refused("analyze --seq-len 9000000000000000000" + model, folder.path(), 2, "128 bits");
  check_refused(
      "train --seq-len 128 --tokens 1e9 --budget 1e18" + model, folder.path(), 2, "budget");
  check_refused("train" + model, folder.path(), 2, "--seq-len");
  check_refused("time" + model, folder.path(), 2, "--hardware");
  check_refused("time --hardware h1000" + model, folder.path(), 2, "h100");
  check_refused("time --hardware avx512_core" + model, folder.path(), 2, "no peak for fp16");
}

TEST_CASE("an option that would do nothing is refused", "[roofline]") {
  const TemporaryFolder folder;
  const std::string model = " -- " + golden_config("llama2-7b");
  check_refused("--mask full" + model, folder.path(), 2, "mask");
  check_refused("table --w-bit 8" + model, folder.path(), 2, "w_bit");
  check_refused("table --hardware h100" + model, folder.path(), 2, "hardware");
  check_refused("analyze tokens=5" + model, folder.path(), 2, "tokens");
  check_refused(
      "analyze --profile compat --cached-tokens 5" + model, folder.path(), 2, "cached_tokens");
  check_refused("time --peak-flops 1e12 --memory-bandwidth 1e12 --precision fp8" + model,
                folder.path(),
                2,
                "precision");
  check_refused("train --seq-len 8 --precision fp8" + model, folder.path(), 2, "precision");
  check_refused("modules list --analyzer ./tool", folder.path(), 2, "analyzer");
  check_refused("modules check --analyzer ./tool", folder.path(), 2, "analyzer");
  check_refused(
      "modules add e.json --analyzer-timeout-s 5", folder.path(), 2, "analyzer_timeout_s");
  check_refused("modules list more", folder.path(), 2, "more");
  check_refused("analyze --seqlen 5" + model, folder.path(), 2, "--seq-len");
  check_refused("analyse " + golden_config("llama2-7b") + " --seq-len 4",
                folder.path(),
                2,
                "analyse: no such command");
  check_refused("", folder.path(), 2, "config.json");
  check_refused("--profile compat table tests.json other.json", folder.path(), 2, "table");
}

TEST_CASE("models that a reference does not know are sent to the exact profile", "[roofline]") {
  const TemporaryFolder folder;
  write_text(folder / "gpt.json",
             R"({"model_type": "flops_fit_gpt", "d_model": 8, "num_layers": 1, "num_heads": 1,
                 "vocab_size": 10})");
  check_refused("gpt.json", folder.path(), 2, "--profile exact");
  check_refused("analyze --profile compat gpt.json", folder.path(), 2, "--profile exact");
  CHECK(run("ff-roofline table --profile exact gpt.json", folder.path()).exit_code == 0);
}

TEST_CASE("a model without a type of numbers needs to be told one", "[roofline]") {
  const TemporaryFolder folder;
  Json untyped = config("llama2-7b");
  untyped.erase("torch_dtype");
  write_text(folder / "untyped.json", untyped.dump());
  check_refused("analyze untyped.json", folder.path(), 2, "w_bit");
  CHECK(run("ff-roofline analyze untyped.json --w-bit 8 --a-bit 16", folder.path()).exit_code == 0);
  // Newer files call it dtype.
  untyped["dtype"] = "bfloat16";
  write_text(folder / "untyped.json", untyped.dump());
  CHECK(json_of("analyze untyped.json", folder.path())["w_bit"] == 16);
}

TEST_CASE("a machine's file is refused by line and key", "[roofline]") {
  const TemporaryFolder folder;
  const std::string time = "time " + golden_config("llama31-8b") + " --hardware ./m.yaml";
  const std::string good =
      "name: m\npeak_flops: {bf16: 1e12}\nmemory_bandwidth: 1e11\nmemory_capacity: 1e9\n";
  write_text(folder / "m.yaml", good);
  CHECK(run("ff-roofline " + time, folder.path()).exit_code == 0);
  write_text(folder / "m.yaml", good + "typo: 1\n");
  check_refused(time, folder.path(), 2, "m.yaml:5: unknown key typo");
  write_text(folder / "m.yaml", good + "efficiency: {compute: 1.5}\n");
  check_refused(time, folder.path(), 2, "efficiency.compute");
  write_text(folder / "m.yaml", "name: m\npeak_flops: {bf16: 1e12}\nmemory_capacity: 1e9\n");
  check_refused(time, folder.path(), 2, "memory_bandwidth: is missing");
  write_text(folder / "m.yaml", "name: m\nmemory_bandwidth: 1e11\nmemory_capacity: 1e9\n");
  check_refused(time, folder.path(), 2, "peak_flops: is missing");
}

TEST_CASE("names from files reach a terminal without escape sequences", "[roofline]") {
  const TemporaryFolder folder;
  const std::string config = golden_config("llama32-1b");
  REQUIRE(run("ff-roofline arch " + config +
                  " -o arch.json && ff-roofline populate arch.json "
                  "--config " +
                  config + " -o full.json",
              folder.path())
              .exit_code == 0);
  std::string tree = read_text(folder / "full.json");
  tree.replace(tree.find("q_proj"), 6, R"(a\u001b[2Jb\u009bc\rd)");
  write_text(folder / "full.json", tree);
  const Outcome outcome =
      run("ff-roofline analyze full.json --seq-len 8 --w-bit 16 --a-bit 16", folder.path());
  INFO(outcome.out << outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(outcome.out, ContainsSubstring(R"(a\x1b[2Jb\x9bc\x0dd)"));
  for (const char* control : {"\x1b", "\xc2\x9b", "\r"}) {
    CHECK(outcome.out.find(control) == std::string::npos);
  }
}

TEST_CASE("a name from a file ends no line but its own", "[roofline]") {
  const TemporaryFolder folder;
  write_text(folder / "m.yaml",
             "name: \"m\\nforged\"\npeak_flops: {bf16: 1e12}\nmemory_bandwidth: 1e11\n"
             "memory_capacity: 1e9\n");
  write_text(folder / "tree.json", R"({"model_id": "mine", "layers": [
    {"name": "a\nforged", "class": "my.Mixer", "parameters": {"n": 5}}]})");
  for (const auto& [command, shown] :
       {std::pair<std::string, std::string>(
            "time " + golden_config("llama32-1b") + " --seq-len 8 --hardware ./m.yaml",
            "m forged, bf16"),
        std::pair<std::string, std::string>(
            "train " + golden_config("llama32-1b") + " --seq-len 8 --hardware ./m.yaml",
            "the peak of m forged,"),
        std::pair<std::string, std::string>("modules check tree.json", "a forged")}) {
    const Outcome outcome = run("ff-roofline " + command, folder.path());
    INFO(command << outcome.out << outcome.err);
    CHECK_THAT(outcome.out, ContainsSubstring(shown));
    CHECK_THAT(outcome.out, !ContainsSubstring("\nforged"));
  }
}
