// SPDX-License-Identifier: MIT
#include "flops_fit/config/load.h"

#include "sample.h"
#include "support/catch.h"

#include "flops_fit/config/dump.h"

#include <nlohmann/json.hpp>

#include <cmath>

using namespace ff::config;
using ff::ConfigError;
using ff::test::message_of;
using ff::test::SampleConfig;

namespace {

SampleConfig load_text(const std::string& yaml) {
  return load<SampleConfig>(parse_yaml(yaml, "f.yaml"));
}

std::string fault(const std::string& yaml) {
  return message_of<ConfigError>([&] { (void)load_text(yaml); });
}

}  // namespace

TEST_CASE("a struct is filled from YAML, key by key", "[config]") {
  const SampleConfig config = load_text(
      "compute: {min_flops: 1e9, num_budgets: 5e1, max_tokens: 500_000}\n"
      "mode: local\n"
      "widths: [32, 6.5e1]\n"
      "shapes: [[1, 2], []]\n"
      "tags: [a, 12, '']\n"
      "tolerance: inf\n"
      "target: 1e18\n"
      "output:\n");
  CHECK(config.compute.min_flops == 1e9);
  CHECK(config.compute.max_flops == 3e14);
  CHECK(config.compute.num_budgets == 50);
  CHECK(config.compute.max_tokens == 500000);
  CHECK(config.mode == "local");
  CHECK(config.widths == std::vector<double>{32, 65});
  CHECK(load<ff::test::SampleConfig>(ff::config::parse_yaml("widths: 16\n", "f")).widths ==
        std::vector<double>{16});
  CHECK(config.shapes == std::vector<std::vector<int>>{{1, 2}, {}});
  CHECK(config.tags == std::vector<std::string>{"a", "12", ""});
  CHECK(std::isinf(config.tolerance));
  CHECK(config.target == 1e18);
  CHECK_FALSE(config.output.verbose);
}

TEST_CASE("errors of values say where, which key, the rule, and what was found", "[config]") {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"compute:\n  num_budgets: abc\n",
       "f.yaml:2: compute.num_budgets: expected a whole number from 1 to 100, found \"abc\"."},
      {"compute:\n  num_budgets: 0\n",
       "f.yaml:2: compute.num_budgets: expected a whole number from 1 to 100, found 0."},
      {"compute:\n  num_budgets: 1.5\n",
       "f.yaml:2: compute.num_budgets: expected a whole number from 1 to 100, found 1.5."},
      {"compute:\n  num_budgets: '6'\n",
       "f.yaml:2: compute.num_budgets: expected a whole number from 1 to 100, found \"6\"."},
      {"compute:\n  num_budgets:\n",
       "f.yaml:2: compute.num_budgets: expected a whole number from 1 to 100, found null."},
      {"compute:\n  min_flops: nan\n",
       "f.yaml:2: compute.min_flops: expected a number from 1 up, found nan."},
      {"compute:\n  max_flops: inf\n",
       "f.yaml:2: compute.max_flops: expected a number from 1 up, found inf."},
      {"compute: 5\n", "f.yaml:1: compute: expected a group of keys, found 5."},
      {"mode: mok\n",
       "f.yaml:1: mode: expected one of mock, local, api, found \"mok\". Did you mean mock?"},
      {"mode: [mock]\n", "f.yaml:1: mode: expected text, found [mock]."},
      {"widths: {a: 1}\n", "f.yaml:1: widths: expected a list, found a group of keys (a, ...)."},
      {"widths: x\n", "f.yaml:1: widths: expected a number from 1 up, found \"x\"."},
      {"widths: [64, x]\n", "f.yaml:1: widths[1]: expected a number from 1 up, found \"x\"."},
      {"shapes: [[1], [a]]\n", "f.yaml:1: shapes[1][0]: expected a whole number, found \"a\"."},
      {"seed: 1e300\n", "f.yaml:1: seed: expected a whole number, found 1e300."},
      {"shapes: [[3e9]]\n",
       "f.yaml:1: shapes[0][0]: expected a whole number of at most 2147483647, found 3e9."},
      {"tolerance: -1\n",
       "f.yaml:1: tolerance: expected a number, inf or nan from 0 up, found -1."},
      {"output: {verbose: yes}\n",
       "f.yaml:1: output.verbose: expected true or false, found \"yes\"."},
      {"seed: ???\n", "f.yaml:1: seed: a value is required, and none is set."},
      {"output_dir: ???\n", "f.yaml:1: output_dir: a value is required, and none is set."},
  };
  for (const auto& [yaml, expected] : table) {
    INFO(yaml);
    CHECK(fault(yaml) == expected);
  }
}

TEST_CASE("unknown keys are named with the nearest key", "[config]") {
  CHECK(fault("compute:\n  min_flop: 1\n") ==
        "f.yaml:2: unknown key compute.min_flop. Did you mean compute.min_flops?");
  CHECK(fault("num_budget: 1\n") ==
        "f.yaml:1: unknown key num_budget. Did you mean compute.num_budgets?");
  CHECK(fault("sede: 1\n") == "f.yaml:1: unknown key sede. Did you mean seed?");
  CHECK(fault("xylophone: 1\n") == "f.yaml:1: unknown key xylophone. --help lists all keys.");
}

TEST_CASE("refused keys say what replaces them, whatever their value", "[config]") {
  CHECK(fault("batch: 3\n") ==
        "f.yaml:1: batch is not used here: set schedule.batch_size instead.");
  CHECK(fault("batch:\n") == "f.yaml:1: batch is not used here: set schedule.batch_size instead.");
  CHECK(fault("hardware: {gpu: 1}\n") ==
        "f.yaml:1: hardware is not used here: the device is chosen by ff-train.");
}

TEST_CASE("the nearest key is by edit distance, over the last component too", "[config]") {
  const std::vector<std::string> known = {"compute.min_flops", "compute.max_flops", "paths.sweep"};
  CHECK(nearest_key("compute.min_flps", known) == "compute.min_flops");
  CHECK(nearest_key("comptue.max_flops", known) == "compute.max_flops");
  CHECK(nearest_key("max_flops", known) == "compute.max_flops");
  CHECK(nearest_key("other.swep", known) == "paths.sweep");
  CHECK_FALSE(nearest_key("zzz", known).has_value());
  CHECK_FALSE(nearest_key("x", {}).has_value());
}

TEST_CASE("key lists hold leaves, and the refused ones apart", "[config]") {
  const StageSchema stage = schema_of<SampleConfig>("planner");
  CHECK(stage.keys.front() == "output_dir");
  CHECK(stage.keys[1] == "compute.min_flops");
  CHECK(stage.keys.back() == "output.verbose");
  CHECK(stage.refused == std::vector<std::string>{"batch", "hardware"});
  CHECK(stage.knows("compute"));
  CHECK_FALSE(stage.knows("comp"));
  CHECK_FALSE(stage.knows("batch"));
  CHECK(stage.refuses("hardware.gpu"));
}

TEST_CASE("a dumped configuration loads back equal", "[config]") {
  SampleConfig config;
  config.compute.min_flops = 1.1 + 2.2;               // 3.3000000000000003
  config.compute.max_tokens = 9'007'199'254'740'993;  // not a double
  config.mode = "api";
  config.widths = {1e300, 3};
  config.shapes = {{1, -2}, {}, {3}};
  config.tags = {"null", "12", "a, b", ""};
  config.tolerance = std::numeric_limits<double>::infinity();
  config.output.sweep_path = "a: \"b\" # c";
  const std::string yaml = dump_yaml(config);
  const SampleConfig back = load_text(yaml);
  CHECK(dump_yaml(back) == yaml);
  CHECK(back.compute.min_flops == config.compute.min_flops);
  CHECK(back.compute.max_tokens == config.compute.max_tokens);
  CHECK(back.tags == config.tags);
  CHECK(back.shapes == config.shapes);
  CHECK(back.tolerance == config.tolerance);
  CHECK(back.output.sweep_path == config.output.sweep_path);
}

TEST_CASE("dumps keep the order declared and write short numbers", "[config]") {
  CHECK(dump_yaml(SampleConfig{}) ==
        "output_dir: outputs\n"
        "compute:\n"
        "  min_flops: 1e12\n"
        "  max_flops: 3e14\n"
        "  num_budgets: 6\n"
        "  max_tokens: null\n"
        "mode: mock\n"
        "widths: [64, 128]\n"
        "shapes: []\n"
        "tags: []\n"
        "seed: 42\n"
        "tolerance: 0.1\n"
        "target: null\n"
        "output:\n"
        "  sweep_path: ${output_dir}/sweep.json\n"
        "  verbose: false\n");
  const auto json = dump_json(SampleConfig{});
  CHECK(json["compute"]["num_budgets"] == 6);
  CHECK(json["compute"]["max_tokens"].is_null());
  CHECK(json["mode"] == "mock");
  CHECK(json.begin().key() == "output_dir");
}

TEST_CASE("the identity hash follows identity keys only", "[config]") {
  const SampleConfig base;
  SampleConfig other;
  CHECK(identity_hash(other) == identity_hash(base));
  other.output_dir = "elsewhere";
  other.output.verbose = true;  // a key of a group with identity = false
  CHECK(identity_hash(other) == identity_hash(base));
  other.compute.num_budgets = 7;
  CHECK(identity_hash(other) != identity_hash(base));
  SampleConfig third;
  third.target = 0.0;
  CHECK(identity_hash(third) != identity_hash(base));
  CHECK_THAT(identity_yaml(base), !ContainsSubstring("output"));
}

TEST_CASE("help lists keys with default, unit, choices and range", "[config]") {
  const Schema schema = describe<SampleConfig>();
  const std::string all = help_tree(schema, "", 100);
  CHECK_THAT(all, ContainsSubstring("Smallest training budget C [FLOP]. At least 1."));
  CHECK_THAT(all, ContainsSubstring("One of: mock, local, api."));
  CHECK_THAT(all, ContainsSubstring("1e12"));
  CHECK_THAT(all, !ContainsSubstring("batch"));
  for (size_t start = 0; start < all.size();) {
    const size_t end = all.find('\n', start);
    CHECK(end - start <= 100);
    start = end + 1;
  }
  const std::string group = help_tree(schema, "compute", 100);
  CHECK_THAT(group, ContainsSubstring("max_tokens"));
  CHECK_THAT(group, !ContainsSubstring("widths"));
  CHECK(message_of<ConfigError>([&] { (void)help_tree(schema, "compte", 100); }) ==
        "--help compte: there is no such key or group. Did you mean compute?");
}

TEST_CASE("the file of defaults is commented and reads back as the defaults", "[config]") {
  const std::string text = defaults_file(describe<SampleConfig>(), "Defaults of a sample.");
  CHECK_THAT(text, ContainsSubstring("# Defaults of a sample.\n\n# Folder"));
  CHECK_THAT(text,
             ContainsSubstring("# Budgets of the sweep.\ncompute:\n  # Smallest training "
                               "budget C [FLOP]. At least 1.\n  min_flops: 1e12\n"));
  CHECK(dump_yaml(load_text(text)) == dump_yaml(SampleConfig{}));
  CHECK(text.find(" \n") == std::string::npos);
}
