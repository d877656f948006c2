// SPDX-License-Identifier: MIT
#include "sample.h"
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/config/node.h"
#include "flops_fit/util/error.h"

#include <nlohmann/json.hpp>

using namespace ff::config;
using ff::ConfigError;
using ff::ExitCode;
using ff::test::message_of;

TEST_CASE("the YAML reader keeps lines, order, quotes and nulls", "[config]") {
  const Node tree = parse_yaml(
      "# head\n"
      "b: 010\n"
      "a:\n"
      "  x: '12'\n"
      "  y: 12\n"
      "  z:\n"
      "list: [1, \"2\", ~, [x]]\n",
      "f.yaml");
  CHECK(tree.keys == std::vector<std::string>{"b", "a", "list"});
  CHECK(tree.find("b")->text == "010");
  CHECK(tree.find("a")->origin == "f.yaml:3");
  CHECK(tree.find_path("a.x")->quoted);
  CHECK_FALSE(tree.find_path("a.y")->quoted);
  CHECK(tree.find_path("a.y")->origin == "f.yaml:5");
  CHECK(tree.find_path("a.z")->is_null());
  CHECK(tree.find_path("list.1")->quoted);
  CHECK(tree.find_path("list.2")->is_null());
  CHECK(tree.find_path("list.3.0")->text == "x");
  CHECK(tree.find_path("list.9") == nullptr);
  CHECK(tree.find_path("a.x.y") == nullptr);
}

TEST_CASE("an empty YAML file is an empty map, and aliases copy", "[config]") {
  CHECK(parse_yaml("", "f.yaml").is_map());
  CHECK(parse_yaml("# nothing\n", "f.yaml").is_map());
  const Node tree = parse_yaml("a: &x {k: 1}\nb: *x\n", "f.yaml");
  CHECK(same_value(*tree.find("a"), *tree.find("b")));
}

TEST_CASE("YAML faults are one line with the place", "[config]") {
  const auto fault = [](const std::string& text) {
    return message_of<ConfigError>([&] { (void)parse_yaml(text, "f.yaml"); });
  };
  CHECK(fault("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n") ==
        "f.yaml:5: the key b.c is given twice, first at f.yaml:3.");
  CHECK_THAT(fault("a: 1\nb: [1, 2\nc: 3\n"), ContainsSubstring("f.yaml:3: not valid YAML: "));
  CHECK_THAT(fault("a: 'x\n"), ContainsSubstring("not valid YAML"));
  CHECK(fault("- 1\n- 2\n") == "f.yaml:1: expected keys at the top level, found [1, 2].");
  CHECK(fault("word\n") == "f.yaml:1: expected keys at the top level, found \"word\".");
  CHECK_THAT(fault("a: 1\n---\nb: 2\n"), ContainsSubstring("one YAML document"));
  CHECK_THAT(fault("[a, b]: 1\n"), ContainsSubstring("a key must be a word"));
  CHECK_THAT(fault("a: *nowhere\n"), ContainsSubstring("f.yaml:1: not valid YAML"));
  CHECK_THAT(fault("a: &x [*x]\n"), ContainsSubstring("f.yaml:1: "));
  for (const char* text : {"a: [1, 2\nc: 3\n", "a: 'x\n", "\t- a"}) {
    CHECK(fault(text).find('\n') == std::string::npos);
  }
}

TEST_CASE("a missing configuration file is a configuration error", "[config]") {
  const ff::test::TemporaryFolder folder;
  try {
    (void)read_yaml(folder / "none.yaml");
    FAIL("nothing was thrown");
  } catch (const ff::Error& problem) {
    CHECK(problem.exit_code() == ExitCode::kUsage);
    CHECK_THAT(problem.what(), ContainsSubstring("none.yaml"));
  }
}

TEST_CASE("written YAML reads back to the same text", "[config]") {
  const std::vector<std::string> texts = {"",
                                          "plain",
                                          "two words",
                                          " lead",
                                          "trail ",
                                          "12",
                                          "1e5",
                                          "true",
                                          "null",
                                          "~",
                                          "yes",
                                          "a: b",
                                          "a#b",
                                          "# c",
                                          "a,b",
                                          "[x]",
                                          "{x}",
                                          "'q'",
                                          "\"q\"",
                                          "a\\b",
                                          "a\nb",
                                          "tab\tx",
                                          "-",
                                          "- x",
                                          "---",
                                          "é ü",
                                          "*x",
                                          "&x",
                                          "!x",
                                          "%x",
                                          "@x",
                                          "`x",
                                          "x:",
                                          ":x",
                                          "?",
                                          "| x",
                                          "> x",
                                          "=",
                                          "2026-11-21",
                                          "1:30",
                                          "...",
                                          "a  b",
                                          "\x01",
                                          "${a.b}/c",
                                          "inf",
                                          "path/to/file.json",
                                          "${oc.env:HOME,x}",
                                          "x -y"};
  Node tree = Node::map();
  Node list = Node::list();
  for (size_t i = 0; i < texts.size(); ++i) {
    tree.set("k" + std::to_string(i), Node::scalar(texts[i], true));
    list.items.push_back(Node::scalar(texts[i], true));
  }
  tree.set("list", list);
  tree.set("nothing", Node::null());
  tree.set("number", Node::scalar("1e12", false));
  tree.set("empty_list", Node::list());
  tree.set("empty_map", Node::map());
  const Node back = parse_yaml(to_yaml(tree), "again");
  REQUIRE(back.keys == tree.keys);
  for (size_t i = 0; i < texts.size(); ++i) {
    INFO(to_yaml(tree.items[i]));
    REQUIRE(back.items[i].is_scalar());
    CHECK(back.items[i].text == texts[i]);
    REQUIRE(back.find("list")->items[i].is_scalar());
    CHECK(back.find("list")->items[i].text == texts[i]);
  }
  CHECK(back.find("nothing")->is_null());
  CHECK_FALSE(back.find("number")->quoted);
  CHECK(back.find("empty_list")->is_list());
  CHECK(back.find("empty_map")->is_map());
}

TEST_CASE("text that looks like a number stays quoted", "[config]") {
  CHECK(yaml_value(Node::scalar("12", true)) == "\"12\"");
  CHECK(yaml_value(Node::scalar("12", false)) == "12");
  CHECK(yaml_value(Node::scalar("outputs/a", true)) == "outputs/a");
}

TEST_CASE("merging goes into maps, and replaces everything else", "[config]") {
  Node base = parse_yaml("a: {x: 1, y: 2}\nl: [1, 2]\n", "base");
  merge(base, parse_yaml("a: {y: 3, z: 4}\nl: [9]\nn: 1\n", "over"));
  CHECK(to_yaml(base) == "a:\n  x: 1\n  y: 3\n  z: 4\nl: [9]\nn: 1\n");
  merge(base, parse_yaml("a:\n", "over"));
  CHECK(base.find_path("a.z")->text == "4");
}

TEST_CASE("a tree becomes JSON with types", "[config]") {
  const Node tree = parse_yaml("a: 1\nb: 1e12\nc: '1'\nd: true\ne: ~\nf: [x, inf]\n", "f");
  CHECK(to_json(tree).dump() ==
        R"({"a":1,"b":1000000000000.0,"c":"1","d":true,"e":null,"f":["x",null]})");
}
