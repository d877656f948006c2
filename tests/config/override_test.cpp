// SPDX-License-Identifier: MIT
// The tables of Hydra's documentation, override_grammar/basic.md and extended.md.
#include "flops_fit/config/override.h"

#include "sample.h"
#include "support/catch.h"

#include "flops_fit/config/load.h"
#include "flops_fit/config/pipeline.h"
#include "flops_fit/util/error.h"

#include <nlohmann/json.hpp>

#include <array>
#include <random>
#include <string_view>

using namespace ff::config;
using ff::ConfigError;
using ff::test::message_of;
using ff::test::SampleConfig;

namespace {

std::string json_of(const std::string& value) {
  const Override change = parse_override("k=" + value);
  REQUIRE(change.value.has_value());
  return to_json(*change.value).dump();
}

std::string sweep_of(const std::string& value) {
  const Override change = parse_override("k=" + value);
  REQUIRE(change.is_sweep);
  std::string out;
  for (const Node& node : change.sweep) {
    out += (out.empty() ? "" : "|") + to_json(node).dump();
  }
  return out;
}

std::string fault(const std::string& text) {
  return message_of<ConfigError>([&] { (void)parse_override(text); });
}

/// The tree of defaults after overrides.
Node applied(const std::vector<std::string>& overrides) {
  const Schema schema = describe<SampleConfig>();
  Node tree = values(schema);
  for (const std::string& text : overrides) {
    apply_override(tree, parse_override(text), schema);
  }
  return tree;
}

std::string apply_fault(const std::vector<std::string>& overrides) {
  return message_of<ConfigError>([&] { (void)load<SampleConfig>(applied(overrides)); });
}

}  // namespace

TEST_CASE("override values read as Hydra's documentation says", "[config]") {
  const std::vector<std::pair<std::string, std::string>> table = {
      // Quoted values.
      {R"("hello there")", R"("hello there")"},
      {R"('hello there')", R"("hello there")"},
      {R"("escaped \"double quote\"")", R"("escaped \"double quote\"")"},
      {R"('escaped \'single quote\'')", R"("escaped 'single quote'")"},
      {R"("1,2,3")", R"("1,2,3")"},
      {R"('1,2,3')", R"("1,2,3")"},
      {R"("'single quoted string'")", R"("'single quoted string'")"},
      {R"('"double quoted string"')", R"("\"double quoted string\"")"},
      {R"('{a:10} ${xyz}')", R"("{a:10} ${xyz}")"},
      {R"('a\\')", R"("a\\")"},
      {R"('a\b')", R"("a\\b")"},
      {R"("10")", R"("10")"},
      // Blanks.
      {"hello world", R"("hello world")"},
      {"    hello world    ", R"("hello world")"},
      // Escapes.
      {R"(job\{a\=1\,b\=2\,c\=3\})", R"("job{a=1,b=2,c=3}")"},
      {R"(a\\b)", R"("a\\b")"},
      {R"(\(\)\[\]\:\ x)", R"("()[]: x")"},
      {R"(x\ )", R"("x ")"},
      {R"(C:\dir)", R"("C:\\dir")"},
      // Primitives.
      {"oompa10", R"("oompa10")"},
      {"null", "null"},
      {"NULL", "null"},
      {"10", "10"},
      {"-20", "-20"},
      {"1_000_000", "1000000"},
      {"3.14", "3.14"},
      {"-10e6", "-10000000.0"},
      {".5", "0.5"},
      {"1_0e3", "10000.0"},
      {"true", "true"},
      {"TrUe", "true"},
      {"false", "false"},
      {"foo.bar", R"("foo.bar")"},
      {"/abs/path-x_1.json", R"("/abs/path-x_1.json")"},
      {"10 apples", R"("10 apples")"},
      {"a:b", R"("a:b")"},
      {"${foo.bar}", R"("${foo.bar}")"},
      {"${oc.env:USER,me}", R"("${oc.env:USER,me}")"},
      {"x/${a.${b}}/y", R"("x/${a.${b}}/y")"},
      {"~/data", R"("~/data")"},
      // Lists and dictionaries.
      {"[]", "[]"},
      {"[1,2,3]", "[1,2,3]"},
      {"[a,[b,[c]]]", R"(["a",["b",["c"]]])"},
      {"[ a , b ]", R"(["a","b"])"},
      {"[a b,'c,d']", R"(["a b","c,d"])"},
      {"{}", "{}"},
      {"{a:10,b:20}", R"({"a":10,"b":20})"},
      {"{a: 10, b: {c: 30, d: 40}}", R"({"a":10,"b":{"c":30,"d":40}})"},
      {"{a:[1,2],b:x y}", R"({"a":[1,2],"b":"x y"})"},
      // Casts: the conversion matrix.
      {"int(3.14)", "3"},
      {"int(value=3.14)", "3"},
      {"int(\"10\")", "10"},
      {"int(1e6)", "1000000"},
      {"int(true)", "1"},
      {"float(10)", "10.0"},
      {"float(\"10.0\")", "10.0"},
      {"float(false)", "0.0"},
      {"str(10)", R"("10")"},
      {"str(10.0)", R"("10.0")"},
      {"str(1e6)", R"("1000000.0")"},
      {"str(true)", R"("true")"},
      {"str(foo)", R"("foo")"},
      {"str('')", R"("")"},
      {"bool(1)", "true"},
      {"bool(0.0)", "false"},
      {"bool(\"true\")", "true"},
      {"bool(false)", "false"},
      {"str([1,2,3])", R"(["1","2","3"])"},
      {"str({a:10})", R"({"a":"10"})"},
      {"int([0,1,2])", "[0,1,2]"},
      {"float([1,[2]])", "[1.0,[2.0]]"},
      {"bool([0,1,2])", "[false,true,true]"},
      {"int({a:10})", R"({"a":10})"},
      {"json_str({a:10})", R"("{\"a\":10}")"},
      {"int (3.14)", "3"},
      {"str(int(3.7))", R"("3")"},
  };
  for (const auto& [text, expected] : table) {
    INFO(text);
    CHECK(json_of(text) == expected);
  }
}

TEST_CASE("keys and prefixes of overrides", "[config]") {
  using Kind = Override::Kind;
  CHECK(parse_override("a.b=1").kind == Kind::kChange);
  CHECK(parse_override("+a.b=1").kind == Kind::kAdd);
  CHECK(parse_override("++a.b=1").kind == Kind::kForce);
  CHECK(parse_override("~a.b").kind == Kind::kDelete);
  CHECK_FALSE(parse_override("~a.b").value.has_value());
  CHECK(parse_override("~a.b=1").value->text == "1");
  CHECK(parse_override("a.b.0=1").key == "a.b.0");
  CHECK(parse_override("group/sub=x").is_group_path());
  CHECK(json_of("") == R"("")");
  CHECK(json_of("   ") == R"("")");
}

TEST_CASE("sweeps", "[config]") {
  CHECK(sweep_of("a,b") == R"("a"|"b")");
  CHECK(sweep_of("\"a,b\",\"c,d\"") == R"("a,b"|"c,d")");
  CHECK(sweep_of("[a,b],[c,d]") == R"(["a","b"]|["c","d"])");
  CHECK(sweep_of("{a:10, b:20},{c:30,d:40}") == R"({"a":10,"b":20}|{"c":30,"d":40})");
  CHECK(sweep_of("choice(a,b)") == R"("a"|"b")");
  CHECK(sweep_of("choice(a)") == R"("a")");
  CHECK(sweep_of("range(5)") == "0|1|2|3|4");
  CHECK(sweep_of("range(0,5)") == "0|1|2|3|4");
  CHECK(sweep_of("range(0,5,2)") == "0|2|4");
  CHECK(sweep_of("range(0,10,3.3)") == "0|3.3|6.6|9.9");
  CHECK(sweep_of("range(0,0.9,0.3)") == "0|0.3|0.6");
  CHECK(sweep_of("range(-5,step=-1)") == "0|-1|-2|-3|-4");
  CHECK(sweep_of("range(start=1,stop=3)") == "1|2");
  CHECK(sweep_of("float(choice(0,1))") == "0.0|1.0");
  CHECK(sweep_of("int(choice(1.5,2))") == "1|2");
  CHECK(sweep_of("str(choice(a,1))") == R"("a"|"1")");
  const Override glob = parse_override("schema=glob([s*,w*],exclude=school)");
  CHECK(glob.include == std::vector<std::string>{"s*", "w*"});
  CHECK(glob.exclude == std::vector<std::string>{"school"});
}

TEST_CASE("an equals sign inside a value may be escaped, quoted, or plain", "[config]") {
  for (const char* value : {"epoch_kept=1", "epoch_kept\\=1", "'epoch_kept=1'"}) {
    CHECK(json_of(value) == R"("epoch_kept=1")");
  }
  CHECK(json_of("[source=a,lr<=0.002,x!=1]") == R"(["source=a","lr<=0.002","x!=1"])");
  CHECK(sweep_of("x=1,y=2") == R"("x=1"|"y=2")");
}

TEST_CASE("faults of overrides are named with their column", "[config]") {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"a=[1,2", "override 'a=[1,2', column 7: expected ',' or ']', found the end."},
      {"a={b:1", "column 7: expected ',' or '}', found the end."},
      {"a={b}", "column 5: expected ':', found '}'."},
      {"a={b:1,b:2}", "the key b is given twice"},
      {"a='x", "column 3: the quote is never closed."},
      {"a=${x", "column 3: '${' is never closed."},
      {"a==c", "column 3: '=' has a meaning of its own here."},
      {"a=x(", "unknown function x(); there are int, float, str"},
      {"a=]", "column 3: expected a value."},
      {"a=[1,,2]", "column 6: expected a value."},
      {"a=1,", "column 5: expected a value."},
      {"a='x'y", "column 6: expected the end of the value, found 'y'."},
      {"a=1]", "expected the end of the value, found ']'."},
      {"a=[1,choice(1,2)]", "a sweep cannot stand inside a list"},
      {"=1", "expected a key such as compute.min_flops before '='."},
      {"a..b=1", "column 3: expected a key such as compute.min_flops, found '.'."},
      {"a b=1", "column 2: expected a key such as compute.min_flops, found ' '."},
      {"word", "column 5: expected '=' and a value after the key."},
      {"+a", "expected '=' and a value after the key."},
      {"~a=1,2", "a deletion takes one value, not a sweep."},
      {"g@pkg=x", "packages (group@package) are not supported."},
      {"a=sort(1,2)", "sort() of Hydra is not supported here; write the values out."},
      {"a=shuffle(1,2)", "shuffle() of Hydra is not supported"},
      {"a=tag(x,choice(1,2))", "tag() of Hydra is not supported"},
      {"a=interval(0,1)", "interval() of Hydra is not supported"},
      {"a=extend_list(1)", "extend_list() of Hydra is not supported"},
      {"a=int(foo)", "override 'a=int(foo)': int() cannot convert \"foo\"."},
      {"a=int(inf)", "int() cannot convert inf."},
      {"a=int('10.0')", "int() cannot convert \"10.0\"."},
      {"a=bool(foo)", "bool() cannot convert \"foo\"."},
      {"a=bool('10')", "bool() cannot convert \"10\"."},
      {"a=float([a,1])", "float() cannot convert \"a\"."},
      {"a=int(1,2)", "int() takes one value."},
      {"a=range(a,b)", "range() needs numbers, found \"a\"."},
      {"a=range(0,5,0)", "a step other than 0."},
      {"a=range(5,0)", "the range is empty."},
      {"a=range(1e9)", "more than 100000 values."},
      {"a=range(start=1,2)", "a positional argument cannot follow a named one."},
  };
  for (const auto& [text, expected] : table) {
    INFO(text);
    CHECK_THAT(fault(text), ContainsSubstring(expected));
  }
  CHECK_THAT(fault("a=" + std::string(10000, '[')), ContainsSubstring("nested too deeply"));
}

TEST_CASE("a value in override grammar reads back", "[config]") {
  for (const std::string text : {"x",
                                 "",
                                 "a b",
                                 "it's",
                                 "a\\'b",
                                 "end\\",
                                 "\\\\",
                                 "'",
                                 "12",
                                 "true",
                                 "null",
                                 "a,b",
                                 "[x]",
                                 "${a}",
                                 "a=b",
                                 "\"",
                                 "a\\b",
                                 " x "}) {
    INFO(text);
    const Node node = Node::scalar(text, true);
    const Override back = parse_override("k=" + override_value(node));
    REQUIRE(back.value.has_value());
    REQUIRE(back.value->is_scalar());
    CHECK(back.value->text == text);
  }
  for (const std::string value : {"[1,[a],{b:'2'}]", "null", "1e5", "'1e5'", "{a:{b:x y}}"}) {
    INFO(value);
    const Node node = *parse_override("k=" + value).value;
    CHECK(to_json(*parse_override("k=" + override_value(node)).value) == to_json(node));
  }
}

TEST_CASE("overrides change the tree", "[config]") {
  const SampleConfig config = load<SampleConfig>(applied({"compute.min_flops=1e9",
                                                          "compute={num_budgets:3,max_tokens:5}",
                                                          "+target=1e18",
                                                          "widths=[32]",
                                                          "++mode=api",
                                                          "shapes=[[1],[2]]",
                                                          "shapes.1=[7,8]",
                                                          "tags=[a]"}));
  CHECK(config.compute.min_flops == 1e9);
  CHECK(config.compute.max_flops == 3e14);
  CHECK(config.compute.num_budgets == 3);
  CHECK(config.compute.max_tokens == 5);
  CHECK(config.target == 1e18);
  CHECK(config.widths == std::vector<double>{32});
  CHECK(config.mode == "api");
  CHECK(config.shapes == std::vector<std::vector<int>>{{1}, {7, 8}});
}

TEST_CASE("deleting brings back the default, and unsets an optional value", "[config]") {
  const SampleConfig config = load<SampleConfig>(applied({"seed=1",
                                                          "~seed",
                                                          "target=5",
                                                          "~target",
                                                          "mode=api",
                                                          "~mode=api",
                                                          "compute.num_budgets=3",
                                                          "~compute"}));
  CHECK(config.seed == 42);
  CHECK_FALSE(config.target.has_value());
  CHECK(config.mode == "mock");
  CHECK(config.compute.num_budgets == 6);
}

TEST_CASE("faults of applying overrides", "[config]") {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"compute.min_flop=1",
       "override 'compute.min_flop=1': unknown key compute.min_flop. Did you mean "
       "compute.min_flops?"},
      {"+compute.min_flop=1",
       "override '+compute.min_flop=1': unknown key compute.min_flop. Did you mean "
       "compute.min_flops?"},
      {"++sede=1", "override '++sede=1': unknown key sede. Did you mean seed?"},
      {"+seed=1",
       "override '+seed=1': seed has a value already (42). Remove the + to change it, or write "
       "++seed=... to set it in any case."},
      {"~sede",
       "override '~sede': could not delete sede, there is no such key. Did you mean seed?"},
      {"~seed=7", "override '~seed=7': the value of seed is 42 and not 7."},
      {"batch=3", "override 'batch=3': batch is not used here: set schedule.batch_size instead."},
      {"~hardware.gpu",
       "override '~hardware.gpu': hardware.gpu is not used here: the device is chosen by "
       "ff-train."},
      {"compute={min:1}",
       "override 'compute={min:1}': unknown key compute.min. --help lists all keys."},
      {"seed=abc", "override 'seed=abc': seed: expected a whole number, found \"abc\"."},
      {"seed=", "override 'seed=': seed: expected a whole number, found \"\"."},
      {"compute=3", "override 'compute=3': compute: expected a group of keys, found 3."},
      {"widths.7=1", "override 'widths.7=1': unknown key widths.7. Did you mean widths?"},
  };
  for (const auto& [text, expected] : table) {
    INFO(text);
    CHECK(apply_fault({text}) == expected);
  }
  CHECK(ambiguous_value(parse_override("seed=range(3)")) ==
        "override 'seed=range(3)': a sweep needs --multirun.");
  CHECK(ambiguous_value(parse_override("seed=1,2")) ==
        "override 'seed=1,2': the value is ambiguous. For a list, write seed=[1,2]; for one text, "
        "quote it: 'seed=\"1,2\"'; to run once for each value, add --multirun.");
}

TEST_CASE("multirun takes the product, the last key fastest", "[config]") {
  using Jobs = std::vector<std::vector<std::string>>;
  CHECK(expand_sweeps({"a=1,2", "b=x", "c=range(2)"}, {}) == Jobs{{"a=1", "b=x", "c=0"},
                                                                  {"a=1", "b=x", "c=1"},
                                                                  {"a=2", "b=x", "c=0"},
                                                                  {"a=2", "b=x", "c=1"}});
  CHECK(expand_sweeps({"a=1"}, {}) == Jobs{{"a=1"}});
  CHECK(expand_sweeps({}, {}) == Jobs{{}});
  CHECK(expand_sweeps({"+a='x,y',[1,2]"}, {}) == Jobs{{"+a='x,y'"}, {"+a=[1,2]"}});
  CHECK_THAT(message_of<ConfigError>([] {
               (void)expand_sweeps({"a=range(1000)", "b=range(1000)"}, {});
             }),
             ContainsSubstring("more than 100000 jobs"));
}

TEST_CASE("any text is an override or a configuration error", "[config]") {
  static constexpr std::string_view kAlphabet = "ab1.,=:[]{}()'\"\\$+~/_@ -e";
  static constexpr std::array<std::string_view, 6> kWords = {
      "choice(", "range(", "int(", "${", "null", "k="};
  std::minstd_rand random(1);
  size_t parsed = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = i % 4 == 0 ? "" : "k=";
    for (size_t n = random() % 12; n > 0; --n) {
      if (random() % 5 == 0) {
        text += kWords[random() % kWords.size()];
      } else {
        text += kAlphabet[random() % kAlphabet.size()];
      }
    }
    try {
      const Override change = parse_override(text);
      ++parsed;
      // What was understood can be said again.
      if (change.value && change.kind == Override::Kind::kChange) {
        const Override again = parse_override(change.key + "=" + override_value(*change.value));
        INFO(text);
        REQUIRE(again.value.has_value());
        REQUIRE(to_json(*again.value) == to_json(*change.value));
      }
    } catch (const ConfigError&) {
    }
  }
  CHECK(parsed > 1000);
}
