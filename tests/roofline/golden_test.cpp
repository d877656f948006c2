// SPDX-License-Identifier: MIT
// tests/golden/roofline through the program itself: the tables of checks.json byte for byte, the
// JSON by its field names; and what independent.py beside it has counted.
#include "roofline/support.h"

using namespace ff::test;
using ff::io::Json;

namespace {

const Json& checks() {
  static const Json all = ff::io::read_json(golden("checks.json"), "");
  return all;
}

std::string joined(const Json& numbers) {
  std::string out;
  for (const Json& number : numbers) {
    out += " " + number.dump();
  }
  return out;
}

std::string workload_flags(const Json& check) {
  return " --cached-tokens" + joined(check["cached"]) + " --input-tokens" + joined(check["input"]) +
         " --mask " + check["mask"].get<std::string>() + " --logits " +
         check["logits"].get<std::string>();
}

/// Every field of `expected`, nested ones too, stands in `found`.
void check_fields(const Json& found, const Json& expected) {
  for (const auto& [key, value] : expected.items()) {
    CAPTURE(key, found.dump().substr(0, 400));
    if (value.is_object()) {
      check_fields(found[key], value);
    } else {
      CHECK(found[key] == value);
    }
  }
}

}  // namespace

TEST_CASE("the reference's command lines print the reference's tables", "[roofline]") {
  const TemporaryFolder folder;
  for (const Json& check : checks()["compat"]) {
    const std::string arguments = check["args"].get<std::string>() + " -- " +
                                  shell_quoted(golden(check["config"].get<std::string>()));
    CAPTURE(arguments);
    const std::string expected = check["stdout"];
    CHECK(run("ff-roofline " + arguments, folder.path()).out == expected);
    CHECK(run("ff-roofline table " + arguments, folder.path()).out == expected);
    const Outcome json = run("ff-roofline --json " + arguments, folder.path());
    check_fields(ff::io::parse_json(json.out), check["raw"]);
  }
  CHECK(checks()["compat"].size() == 11);
}

TEST_CASE("analyze prints the exact counts under the names of checks.json", "[roofline]") {
  const TemporaryFolder folder;
  for (Json check : checks()["exact"]) {
    const std::string config = golden_config(check["config"]);
    check.erase("config");
    check_fields(json_of("analyze " + config + workload_flags(check), folder.path()), check);
  }
}

TEST_CASE("chunks, experts and mixed batches are counted as a second program counts them",
          "[roofline]") {
  const TemporaryFolder folder;
  for (Json check : ff::io::read_json(golden("independent.json"), "")) {
    const std::string config = golden_config(check["config"]);
    check.erase("config");
    check_fields(json_of("analyze " + config + workload_flags(check), folder.path()), check);
  }
}

TEST_CASE("time prints the reference's seconds, by machine and by numbers", "[roofline]") {
  const TemporaryFolder folder;
  for (const Json& check : checks()["time"]) {
    const std::string config = golden_config(check["config"]);
    const double expected = check["seconds"];
    const std::string machine = check["peak_flops"] == 989e12 ? "h100" : "a100";
    const Json by_name =
        json_of("time " + config + workload_flags(check) + " --hardware " + machine, folder.path());
    CHECK(by_name["seconds"].get<double>() == Approx(expected).epsilon(0.005));
    const Json by_numbers =
        json_of("time " + config + workload_flags(check) + " --peak-flops " +
                    check["peak_flops"].dump() + " --memory-bandwidth " + check["bandwidth"].dump(),
                folder.path());
    CHECK(by_numbers["seconds"].get<double>() == Approx(expected).epsilon(1e-9));
    double sum = 0.0;
    for (const Json& op : by_numbers["operators"]) {
      sum += op["seconds"].get<double>();
    }
    CHECK(sum == Approx(expected).epsilon(1e-9));
  }
}

TEST_CASE("train prints the reference's FLOPs per token", "[roofline]") {
  const TemporaryFolder folder;
  for (Json check : checks()["train"]) {
    write_text(folder / "gpt.json", check["config"].dump());
    check.erase("config");
    check_fields(json_of("train gpt.json --seq-len " + check["seq_len"].dump(), folder.path()),
                 check);
  }
}

TEST_CASE("analyze --profile compat prints LM-Predictor's totals", "[roofline]") {
  const TemporaryFolder folder;
  for (Json check : checks()["lmp"]) {
    const std::string workload = " --batch-size " + check["batch_size"].dump() + " --seq-len " +
                                 check["seq_len"].dump() + " --w-bit " + check["w_bit"].dump() +
                                 " --a-bit " + check["a_bit"].dump();
    check.erase("model");
    const std::string config = golden_config("llama2-7b");
    check_fields(json_of("analyze --profile compat " + config + workload, folder.path()), check);
    // The long way, through its files.
    run("ff-roofline arch --profile compat " + config +
            " -o arch.json && ff-roofline populate "
            "--profile compat arch.json --config " +
            config + " -o full.json",
        folder.path());
    check_fields(json_of("analyze --profile compat full.json" + workload, folder.path()), check);
  }
  const Json rows = json_of("analyze --profile compat --seq-len 2048 " + golden_config("llama2-7b"),
                            folder.path())["basic_layer_analyses"];
  // Published rows of the reference's run (repeats included).
  const std::map<std::string, int64_t> expected = {
      {"model.layers.self_attn.q_proj", 2'199'291'691'008},
      {"model.layers.mlp.gate_proj", 5'910'596'419'584},
      {"model.layers.mlp.down_proj", 5'910'143'434'752},
      {"model.layers.mlp.act_fn", 3'607'101'440},
      {"model.layers.input_layernorm", 1'073'872'896},
      {"model.layers.self_attn.rotary_emb", 37'748'736},
      {"model.norm", 33'558'528},
      {"model.rotary_emb", 1'179'648},
      {"lm_head", 536'936'448'000},
      {"model.embed_tokens", 0}};
  size_t found = 0;
  for (const Json& row : rows) {
    const auto known = expected.find(row["layer_path"]);
    if (known != expected.end()) {
      CHECK(row["flops"] == known->second);
      ++found;
    }
  }
  CHECK(found == expected.size());
}
