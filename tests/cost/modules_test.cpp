// SPDX-License-Identifier: MIT
// The module database, and evaluating trees with it.
#include "flops_fit/cost/modules.h"

#include "support/catch.h"

#include "flops_fit/cost/evaluate.h"
#include "flops_fit/io/json.h"

using namespace ff::cost;
using ff::io::Json;

namespace {

/// An entry of a class my.Mixer with parameters n and flag.
Json entry() {
  return ff::io::parse_json(R"({
    "full_class_name": "my.Mixer",
    "parameters": [{"name": "n", "type": "int"}, {"name": "flag", "type": "bool"}],
    "definitions": {"square": "{n} * {n}"},
    "formulas": {"matmul_flops": "2 * {square}", "elementwise_flops": "{flag} * {n}",
                 "weight_bytes": "0", "read_bytes": "{n}", "write_bytes": "{n}", "saved_bytes": "0"},
    "origin": "user", "human_validated": false})");
}

std::string problem_of(const Json& changed) {
  try {
    static_cast<void>(parse_module("my_Mixer", changed, "db.json: modules.my_Mixer"));
    return "none";
  } catch (const ff::FileError& problem) {
    return problem.what();
  }
}

ModuleDb with(const Module& module) {
  ModuleDb db = ModuleDb::builtin();
  db.put(module);
  return db;
}

Graph mixer(std::vector<std::pair<std::string, Expr>> parameters) {
  Graph graph{.model_id = "test"};
  graph.layers.push_back(
      {.name = "mixer", .cls = "my.Mixer", .repeat = 3, .parameters = std::move(parameters)});
  return graph;
}

std::string evaluation_problem(const Graph& graph, const ModuleDb& db, const Workload& workload) {
  try {
    static_cast<void>(evaluate(graph, db, workload));
    return "none";
  } catch (const ff::Error& problem) {
    return problem.what();
  }
}

const Workload kTwo{.queries = {{0, 5}, {2, 5}}};

}  // namespace

TEST_CASE("an entry survives being written and read", "[cost]") {
  const Module module = parse_module("my_Mixer", entry(), "here");
  CHECK(to_json(module) == [] {
    Json full = entry();
    for (Json& parameter : full["parameters"]) {
      parameter["description"] = "";
    }
    return full;
  }());
  for (const ModuleDb* db : {&ModuleDb::builtin(), &ModuleDb::lm_predictor()}) {
    CHECK(ModuleDb::parse(db->to_json(), "again").to_json() == db->to_json());
  }
}

TEST_CASE("classes of one name in two packages keep apart", "[cost]") {
  ModuleDb db;
  db.put(stub_module("a.x.Mixer"));
  db.put(stub_module("a.y.Mixer"));
  REQUIRE(db.modules().size() == 2);
  CHECK(ModuleDb::parse(db.to_json(), "again").modules().size() == 2);
  ModuleDb all = ModuleDb::builtin();
  db.put(stub_module("flops_fit.other.Linear"));  // with the key of a built-in module
  all.put_all(db);
  CHECK(all.find("flops_fit.Linear") != nullptr);
  CHECK(all.modules().size() == ModuleDb::builtin().modules().size() + 3);
  CHECK(ModuleDb::parse(all.to_json(), "again").modules().size() == all.modules().size());
}

TEST_CASE("every built-in module is filled in and has a source", "[cost]") {
  for (const Module& module : ModuleDb::builtin().modules()) {
    CAPTURE(module.full_class_name);
    CHECK(!module.unfilled());
    CHECK(!module.source.empty());
    CHECK(module.human_validated);
    CHECK(module.key == key_of_class(module.full_class_name));
  }
}

TEST_CASE("a faulty entry is refused by its place and rule", "[cost]") {
  const auto refused = [](const char* pointer, const Json& value, const std::string& expected) {
    Json changed = entry();
    changed[Json::json_pointer(pointer)] = value;
    CAPTURE(pointer);
    CHECK_THAT(problem_of(changed), ContainsSubstring(expected));
    CHECK_THAT(problem_of(changed), ContainsSubstring("db.json: modules.my_Mixer"));
  };
  CHECK(problem_of(entry()) == "none");
  refused("/typo", 1, "unknown key \"typo\"");
  refused("/full_class_name", "mixer", "begins with a capital");
  refused("/full_class_name", "my..Mixer", "names with dots");
  refused("/parameters/0/type", "double", "\"double\" is none of");
  refused("/parameters/1/name", "n", "declared twice");
  refused("/parameters/0/name", "a-b", "is no name");
  refused("/formulas/matmul_flops", "2 * {m}", "{m} is no declared parameter");
  refused("/formulas/matmul_flops", "2 *", "column 4");
  refused("/formulas/flops", "1", "unknown formula \"flops\"");
  refused("/formulas", Json::object(), "no matmul_flops");
  refused("/definitions/square", "{square}", "{square} is no declared parameter, and no earlier");
  refused("/origin", "me", "builtin, user or external");
  refused("/human_validated", "yes", "true or false");
  refused("/per", "token", "batch or query");
}

TEST_CASE("a database of another format or version is refused", "[cost]") {
  Json file = ModuleDb::builtin().to_json();
  file["version"] = 2;
  CHECK_THROWS_WITH(ModuleDb::parse(file, "db.json"), ContainsSubstring("version 1; found"));
  file["version"] = 1;
  file["modules"]["twice"] = file["modules"]["flops_fit_Linear"];
  CHECK_THROWS_WITH(ModuleDb::parse(file, "db.json"), ContainsSubstring("another entry"));
}

TEST_CASE("a leaf is evaluated with its own parameters, and counted as often as it repeats",
          "[cost]") {
  const Module module = parse_module("my_Mixer", entry(), "here");
  const Graph graph = mixer({{"n", Expr::parse("{tokens} + 1")}, {"flag", Expr(1)}});
  const auto ops = evaluate(graph, with(module), kTwo);
  REQUIRE(ops.size() == 1);
  CHECK(ops[0].path == "mixer");
  CHECK(ops[0].each.matmul == Num(2 * 11 * 11));
  CHECK(ops[0].total().flops() == Num(3 * (2 * 11 * 11 + 11)));
  CHECK(!ops[0].human_validated);
}

TEST_CASE("what cannot be evaluated is refused by layer, class and name", "[cost]") {
  const Module module = parse_module("my_Mixer", entry(), "here");
  const ModuleDb db = with(module);
  const Graph fine = mixer({{"n", Expr(1)}, {"flag", Expr(1)}});
  CHECK(evaluation_problem(fine, db, kTwo) == "none");
  const auto refused = [&](const Graph& graph, const ModuleDb& modules, const std::string& text) {
    CHECK_THAT(evaluation_problem(graph, modules, kTwo), ContainsSubstring(text));
  };
  Graph unknown = fine;
  unknown.layers[0].cls = "torch.nn.modules.linear.Linera";
  refused(unknown, db, "unknown class torch.nn.modules.linear.Linera (layer mixer)");
  refused(unknown, db, "Did you mean torch.nn.modules.linear.Linear");
  refused(mixer({{"n", Expr(1)}}), db, "no parameter flag");
  refused(mixer({{"n", Expr(1)}, {"flag", Expr(1)}, {"m", Expr(1)}}), db, "has no parameter m");
  refused(mixer({{"n", Expr(Num::ratio(1, 2))}, {"flag", Expr(1)}}), db, "whole number");
  refused(mixer({{"n", Expr::parse("{new_tokens}")}, {"flag", Expr(1)}}), db, "per batch");
  refused(mixer({{"n", Expr::parse("{cache_len}")}, {"flag", Expr(1)}}), db, "differ in length");
  refused(mixer({{"n", Expr::parse("{nonsense}")}, {"flag", Expr(1)}}), db, "there are: tokens");
  refused(mixer({{"n", Expr::parse("0 - {tokens}")}, {"flag", Expr(1)}}), db, "less than nothing");
  refused(mixer({{"n", Expr::parse("1e30")}, {"flag", Expr(1)}}), db, "leaves 128 bits");
  refused(fine, with(stub_module("my.Mixer")), "the formula matmul_flops is empty");
}

TEST_CASE("modules may call each other, but not in a circle", "[cost]") {
  Json calls = entry();
  calls["formulas"]["matmul_flops"] = "${my.Other}({n}) + 1";
  Json other = entry();
  other["full_class_name"] = "my.Other";
  other["parameters"] = Json::array({{{"name", "m"}, {"type", "int"}}});
  other["definitions"] = Json::object();
  other["formulas"]["matmul_flops"] = "10 * {m}";
  other["formulas"]["elementwise_flops"] = "0";
  other["formulas"]["read_bytes"] = "0";
  other["formulas"]["write_bytes"] = "0";
  ModuleDb db = with(parse_module("my_Mixer", calls, "here"));
  db.put(parse_module("my_Other", other, "here"));
  const Graph graph = mixer({{"n", Expr(4)}, {"flag", Expr(0)}});
  CHECK(evaluate(graph, db, kTwo)[0].each.matmul == Num(41));
  other["formulas"]["matmul_flops"] = "${my.Mixer}({m}, 0) + ${my.Mixer}({m}, 1)";
  db.put(parse_module("my_Other", other, "here"));
  CHECK_THAT(evaluation_problem(graph, db, kTwo), ContainsSubstring("in a circle"));
  other["formulas"]["matmul_flops"] = "${my.Mixer}({m})";
  db.put(parse_module("my_Other", other, "here"));
  CHECK_THAT(evaluation_problem(graph, db, kTwo), ContainsSubstring("with 1 arguments"));
}
