// SPDX-License-Identifier: MIT
// What the subcommands do beyond the golden numbers.
#include "roofline/support.h"

using namespace ff::test;
using ff::io::Json;
namespace fs = std::filesystem;

namespace {

/// A tree with a class that nobody knows.
const char* const kTree = R"({"model_id": "mine", "layers": [
  {"name": "proj", "class": "flops_fit.Linear", "parameters": {"tokens": "{tokens}",
    "in_features": 8, "out_features": 4, "bias": false, "tied": 0, "kept": 0,
    "w_dtype_bytes": "{w_dtype_bytes}", "a_dtype_bytes": 2}},
  {"name": "blocks", "class": "my.Block", "repeat": 6, "sub_layers": [
    {"name": "mixer", "class": "my.Mixer", "repeat": 2, "parameters": {"n": "{tokens}"}}]}]})";

const char* const kEntry = R"({"full_class_name": "my.Mixer",
  "parameters": [{"name": "n", "type": "int"}],
  "formulas": {"matmul_flops": "3 * {n}", "elementwise_flops": "0", "weight_bytes": "0",
               "read_bytes": "{n}", "write_bytes": "{n}", "saved_bytes": "0"},
  "origin": "user", "human_validated": false})";

const std::string kBits = " --w-bit 16 --a-bit 16";

}  // namespace

TEST_CASE("a model, its tree and its populated tree have the same counts", "[roofline]") {
  const TemporaryFolder folder;
  for (const std::string name : {"llama32-1b", "llama4-maverick-17b-128e"}) {
    const std::string config = golden_config(name);
    REQUIRE(run("ff-roofline arch " + config +
                    " -o arch.json && ff-roofline populate arch.json "
                    "--config " +
                    config + " -o full.json",
                folder.path())
                .exit_code == 0);
    const std::string workload = " --input-tokens 7 30 --cached-tokens 100 0 --kv-bit 8";
    const Json whole = json_of("analyze " + config + workload, folder.path());
    const Json tree = json_of("analyze full.json" + workload + kBits, folder.path());
    for (const char* key : {"matmul", "elementwise", "weight_bytes", "read_bytes", "write_bytes"}) {
      CHECK(tree[key] == whole[key]);
    }
    // LM-Predictor's schema: these keys and no others.
    const Json arch = ff::io::read_json(folder / "arch.json", "");
    CHECK(arch.size() == 2);
    CHECK(arch["layers"][0]["sub_layers"][0].size() == 2);
    check_refused("analyze arch.json" + kBits, folder.path(), 3, "layer model.embed_tokens");
  }
}

TEST_CASE("an unknown class is an error that names it, its layer and what to do", "[roofline]") {
  const TemporaryFolder folder;
  write_text(folder / "tree.json", kTree);
  check_refused(
      "analyze tree.json" + kBits, folder.path(), 3, "unknown class my.Mixer (layer blocks.mixer)");
  check_refused("analyze tree.json" + kBits, folder.path(), 3, "ff-roofline modules stub my.Mixer");
  const Outcome check = run("ff-roofline modules check tree.json", folder.path());
  CHECK(check.exit_code == 3);
  CHECK_THAT(check.out, ContainsSubstring("my.Mixer"));
  CHECK_THAT(check.out, ContainsSubstring("blocks.mixer"));
}

TEST_CASE("a stub refuses to be evaluated until it is filled in", "[roofline]") {
  const TemporaryFolder folder;
  write_text(folder / "tree.json", kTree);
  REQUIRE(run("ff-roofline modules stub my.Mixer", folder.path()).exit_code == 0);
  check_refused("modules stub my.Mixer", folder.path(), 2, "already");
  const Json stub = ff::io::read_json(folder / "ff_modules.json", "");
  CHECK(stub["modules"]["my_Mixer"]["origin"] == "user");
  CHECK(stub["modules"]["my_Mixer"]["human_validated"] == false);
  check_refused("analyze tree.json" + kBits, folder.path(), 3, "is empty");
  CHECK(run("ff-roofline modules check", folder.path()).exit_code == 3);
  // Filled in by hand, it counts, and the report says on whose word.
  write_text(folder / "entry.json", kEntry);
  REQUIRE(run("ff-roofline modules add entry.json", folder.path()).exit_code == 0);
  CHECK(run("ff-roofline modules check tree.json", folder.path()).exit_code == 0);
  const Json counted = json_of("analyze tree.json --seq-len 10" + kBits, folder.path());
  CHECK(counted["matmul"] == 2 * 10 * 8 * 4 + 6 * 2 * 3 * 10);
  CHECK(counted["unvalidated"]["flops_share"].get<double>() == Approx(360.0 / 1000.0));
  CHECK(counted["unvalidated"]["modules"][0]["class"] == "my.Mixer");
  CHECK_THAT(run("ff-roofline analyze tree.json --seq-len 10" + kBits, folder.path()).out,
             ContainsSubstring("36.0% of the FLOPs rest on module entries that no human"));
}

TEST_CASE("a faulty entry is not added, and the database stays as it was", "[roofline]") {
  const TemporaryFolder folder;
  write_text(folder / "entry.json", kEntry);
  REQUIRE(run("ff-roofline modules add entry.json", folder.path()).exit_code == 0);
  const std::string before = read_text(folder / "ff_modules.json");
  const auto refused = [&](const char* pointer, const Json& value, const std::string& expected) {
    Json entry = ff::io::parse_json(kEntry);
    entry[Json::json_pointer(pointer)] = value;
    write_text(folder / "entry.json", entry.dump());
    check_refused("modules add entry.json", folder.path(), 3, expected);
    CHECK(read_text(folder / "ff_modules.json") == before);
  };
  refused("/formulas/matmul_flops", "3 * {m}", "{m}");
  refused("/formulas/matmul_flops", "10 - {n}", "less than nothing");
  refused("/formulas/matmul_flops", "1 / (({n} - 7) * ({n} - 7))", "division by zero");
  refused("/formulas/matmul_flops", "system('id')", "column 1");
  refused("/formulas/matmul_flops", "{n} * 1e37 * {n} * 100", "128 bits");
  refused("/formulas/matmul_flops", "", "is empty");
  refused("/origin", "builtin", "origin");
  // What is filled in is somebody's work.
  write_text(folder / "entry.json", kEntry);
  check_refused("modules add entry.json", folder.path(), 2, "already");
  write_text(folder / "ff_modules.json",
             "{\"format\": \"other\", \"version\": 1, \"modules\": {}}");
  check_refused("modules list", folder.path(), 3, "expected format");
}

TEST_CASE("modules schema and list show the database", "[roofline]") {
  const TemporaryFolder folder;
  const Json schema = ff::io::parse_json(run("ff-roofline modules schema", folder.path()).out);
  const Json entry = schema["properties"]["modules"]["additionalProperties"];
  CHECK(entry["required"].size() == 5);
  CHECK(entry["properties"]["formulas"]["required"].size() == 6);
  const Json list = json_of("modules list", folder.path());
  CHECK(list["modules"].contains("flops_fit_Linear"));
}

TEST_CASE("a user's tree is populated from the config, and what does not follow is named",
          "[roofline]") {
  const TemporaryFolder folder;
  Json entry = ff::io::parse_json(kEntry);
  for (const char* name : {"tokens", "head_dim", "max_position_embeddings"}) {
    entry["parameters"].push_back({{"name", name}, {"type", "int"}});
  }
  write_text(folder / "entry.json", entry.dump());
  write_text(folder / "tree.json", R"({"model_id": "mine", "layers": [
    {"name": "mixer", "class": "my.Mixer", "parameters": {"n": 5}}]})");
  REQUIRE(run("ff-roofline modules add entry.json", folder.path()).exit_code == 0);
  const std::string populate = "populate tree.json --config " + golden_config("llama2-7b");
  REQUIRE(run("ff-roofline " + populate + " -o full.json", folder.path()).exit_code == 0);
  const Json parameters = ff::io::read_json(folder / "full.json", "")["layers"][0]["parameters"];
  CHECK(
      parameters ==
      Json{{"n", 5}, {"tokens", "{tokens}"}, {"head_dim", 128}, {"max_position_embeddings", 4096}});
  entry["parameters"].push_back({{"name", "mystery"}, {"type", "int"}});
  write_text(folder / "entry.json", entry.dump());
  fs::remove(folder / "ff_modules.json");
  REQUIRE(run("ff-roofline modules add entry.json", folder.path()).exit_code == 0);
  check_refused(populate, folder.path(), 3, "layer mixer (my.Mixer): the parameter mystery");
}

TEST_CASE("weights of four bits are half a byte", "[roofline]") {
  const TemporaryFolder folder;
  const std::string analyze = "analyze " + golden_config("llama2-7b");
  const Json full = json_of(analyze, folder.path());
  const Json quarter = json_of(analyze + " --w-bit 4", folder.path());
  CHECK(quarter["weight_bytes"].get<int64_t>() * 4 == full["weight_bytes"].get<int64_t>());
  CHECK(quarter["matmul"] == full["matmul"]);
}

TEST_CASE("a budget becomes tokens, and a machine becomes days", "[roofline]") {
  const TemporaryFolder folder;
  const Json train = json_of(
      "train " + golden_config("llama31-8b") + " --seq-len 4096 --budget 1e22 --hardware h100",
      folder.path());
  const double per_token = train["causal"]["train_per_token"];
  CHECK(train["tokens"].get<double>() == Approx(1e22 / per_token));
  CHECK(train["seconds_at_peak"].get<double>() == Approx(1e22 / 989e12));
  CHECK(train["memory"]["moments"] == 8 * train["params_total"].get<int64_t>());
  CHECK(train["memory"]["activations_recomputed"] < train["memory"]["activations"]);
  const Json more = json_of(
      "train " + golden_config("llama31-8b") + " --seq-len 4096 --recompute --remake-scores",
      folder.path());
  CHECK(more["causal"]["train_per_token"] > train["causal"]["train_per_token"]);
}

TEST_CASE("decoding is bound by memory, a long prompt by compute", "[roofline]") {
  const TemporaryFolder folder;
  const std::string time = "time " + golden_config("llama31-8b") + " --hardware h100";
  const Json decode = json_of(time + " --seq-len 1 --cache-len 2048", folder.path());
  const Json prefill = json_of(time + " --seq-len 2048", folder.path());
  CHECK(decode["compute_bound_share"] == 0.0);
  CHECK(prefill["compute_bound_share"] > 0.8);
  CHECK(prefill["ridge_point"].get<double>() == Approx(989e12 / 3.35e12));
  // One token after the prompt is what decoding with the prompt in the cache is.
  CHECK(prefill["decode"]["seconds"].get<double>() == Approx(decode["seconds"].get<double>()));
  CHECK(prefill["memory"]["fits"] == true);
  CHECK(json_of("time " + golden_config("llama31-405b") + " --hardware l4",
                folder.path())["memory"]["fits"] == false);
}

TEST_CASE("every machine of conf/hardware can time a model, and says where its figures are from",
          "[roofline]") {
  const TemporaryFolder folder;
  size_t machines = 0;
  for (const auto& entry : fs::directory_iterator(source_dir() / "conf/hardware")) {
    const std::string name = entry.path().stem();
    const std::string precision = name == "avx512_core" ? " --precision fp32" : "";
    const Json timed = json_of(
        "time " + golden_config("llama32-1b") + " --hardware " + name + precision, folder.path());
    CHECK(timed["seconds"] > 0.0);
    const std::string text = read_text(entry.path());
    for (const char* key :
         {"\n  peak_flops: \"", "\n  memory_bandwidth: \"", "\n  memory_capacity: \""}) {
      INFO(entry.path());
      CHECK_THAT(text, ContainsSubstring(key));
    }
    ++machines;
  }
  CHECK(machines >= 10);
}

TEST_CASE("a calibrated machine is a machine", "[roofline]") {
  const TemporaryFolder folder;
  REQUIRE(run("ff-roofline calibrate --threads 1 -o me.yaml", folder.path()).exit_code == 0);
  write_text(folder / "gpt.json",
             R"({"model_type": "flops_fit_gpt", "d_model": 128, "num_layers": 4, "num_heads": 4,
                 "vocab_size": 1024})");
  const Json timed = json_of("time gpt.json --seq-len 256 --hardware me.yaml", folder.path());
  CHECK(timed["peak_flops"] > 1e8);
  CHECK(timed["bandwidth"] > 1e8);
  CHECK(timed["efficiency"]["compute"] > 0.05);
}

TEST_CASE("ff-visualize draws the roofline of a timing, a point per operator", "[roofline]") {
  const TemporaryFolder folder;
  REQUIRE(run("ff-roofline time " + golden_config("llama31-8b") +
                  " --hardware h100 --seq-len 512 -o timing.json && ff-visualize "
                  "roofline=timing.json paths.plots=plots 'plots.format=[png,svg]' plots.dpi=60",
              folder.path())
              .exit_code == 0);
  CHECK(fs::file_size(folder / "plots/roofline.png") > 1000);
  CHECK_THAT(read_text(folder / "plots/roofline.svg"), ContainsSubstring("ridge: 295"));
  CHECK(!fs::exists(folder / "outputs"));
  const std::string data = read_text(folder / "plots/roofline.tsv");
  const Json timing = ff::io::read_json(folder / "timing.json", "");
  size_t with_flops = 0;
  for (const Json& op : timing["operators"]) {
    with_flops += op["flops"] > 0 ? 1 : 0;
  }
  const auto lines = static_cast<size_t>(std::count(data.begin(), data.end(), '\n'));
  const auto blank = [&] {
    size_t count = 0;
    for (size_t i = 1; i < data.size(); ++i) {
      count += data[i] == '\n' && data[i - 1] == '\n' ? 1 : 0;
    }
    return count;
  }();
  CHECK(lines - blank == 2 + 3 + 1 + with_flops);  // two lines of heading, the roof, the ridge
  write_text(folder / "other.json", "{\"a\": 1}");
  const Outcome wrong = run("ff-visualize roofline=other.json", folder.path());
  CHECK(wrong.exit_code == 3);
  CHECK_THAT(wrong.err, ContainsSubstring("ff-roofline time"));
}

TEST_CASE("keys, flags and configuration files are one thing", "[roofline]") {
  const TemporaryFolder folder;
  const std::string config = golden_config("llama32-1b");
  const Json by_flag = json_of("analyze " + config + " --seq-len 64 --w-bit 8", folder.path());
  CHECK(json_of("analyze " + config + " input_tokens=[64] w_bit=8", folder.path()) == by_flag);
  CHECK(json_of("analyze " + config + " --seq-len=64 --w-bit=8", folder.path()) == by_flag);
  CHECK(json_of("--seq-len 64 --w-bit 8 analyze " + config, folder.path()) == by_flag);
  write_text(folder / "mine.yaml", "roofline:\n  input_tokens: [64]\n  w_bit: 8\n");
  CHECK(json_of("analyze " + config + " --config-name ./mine.yaml", folder.path()) == by_flag);
  write_text(folder / "it's, a name.json", read_text(golden("configs/llama32-1b.json")));
  CHECK(run("ff-roofline analyze \"it's, a name.json\" -o 'o, ut.json'", folder.path()).exit_code ==
        0);
  CHECK(fs::exists(folder / "o, ut.json"));
}
