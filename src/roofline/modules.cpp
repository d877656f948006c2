// SPDX-License-Identifier: MIT
// modules: the user's module database.
#include "parts.h"

#include "flops_fit/roofline/arch_file.h"
#include "flops_fit/roofline/module_file.h"
#include "flops_fit/roofline/table.h"
#include "flops_fit/util/terminal.h"

#include <algorithm>
#include <map>

namespace ff::roofline {
namespace {

using cost::Module;
using cost::ModuleDb;
using io::Json;

/// What stands after the action.
const std::string& argument(const Call& call, const char* what) {
  if (call.operands.size() != 2) {
    throw error<ConfigError>("modules {}: expected {}.", call.operands.front(), what);
  }
  return call.operands[1];
}

Json leaf_parameters(const cost::Node& leaf) {
  Json out = Json::object();
  for (const auto& [name, value] : leaf.parameters) {
    out[name] = value.is_constant() ? count_json(value.eval({})) : Json(value.text());
  }
  return out;
}

/// The layers of a tree whose class the database does not know, or has not filled in.
std::map<std::string, std::vector<Instance>> unknown_in(const cost::Graph& graph,
                                                        const ModuleDb& db) {
  std::map<std::string, std::vector<Instance>> out;
  cost::for_each_leaf(graph,
                      [&](const cost::Node& leaf, const std::string& path, const cost::Num&) {
                        const Module* module = db.find(leaf.cls);
                        if (module == nullptr || module->unfilled()) {
                          out[leaf.cls].push_back({path, leaf_parameters(leaf)});
                        }
                      });
  return out;
}

Report said(const std::string& text, Json json) {
  return {.text = text + "\n", .json = std::move(json)};
}

/// Adds entries to the user's file and says so. Those that are filled in already are the user's
/// work: refused.
Report add_to_file(const RooflineConfig& config, const std::vector<Module>& modules) {
  std::vector<std::string> names;
  change_user_modules(config.modules, [&](ModuleDb& user) {
    for (const Module& module : modules) {
      const Module* known = user.find(module.full_class_name);
      if (known != nullptr && !known->unfilled()) {
        throw error<ConfigError>("{}: has an entry for {} already; edit it there.",
                                 config.modules,
                                 known->full_class_name);
      }
      user.put(module);
      names.push_back(module.full_class_name);
    }
  });
  return said(fmt::format("{}: {} written.", config.modules, fmt::join(names, ", ")),
              {{"modules", config.modules}, {"written", names}});
}

Report stub(const RooflineConfig& config, const Call& call) {
  const std::string& cls = argument(call, "a class path, like my.package.Mixer");
  const Module module = cost::stub_module(cls);
  const ModuleDb user = read_user_modules(config.modules);
  if (user.find(cls) != nullptr) {
    throw error<ConfigError>(
        "{}: has an entry for {} already; edit it there.", config.modules, cls);
  }
  Report out = add_to_file(config, {module});
  out.text +=
      "Fill in its formulas, and set human_validated to true when you have checked them. "
      "`ff-roofline modules schema` has the format.\n";
  return out;
}

AnalyzerOptions analyzer_of(const RooflineConfig& config, const Call& call) {
  return {.command = config.analyzer,
          .timeout_s = config.analyzer_timeout_s,
          .environment = environment_without_secrets(call.key_variables, config.analyzer_env)};
}

/// An entry, or a whole database, from a file; or from the analyzer, for a class.
Report add(const RooflineConfig& config, const Call& call) {
  const ModuleDb db = modules_of(config, call, false);
  if (!config.analyzer.empty()) {
    const std::string& cls = argument(call, "a class path, like my.package.Mixer");
    if (const auto problem = cost::class_problem(cls)) {
      throw error<ConfigError>("\"{}\": {}.", cls, *problem);
    }
    return add_to_file(config, {ask_analyzer(analyzer_of(config, call), cls, {}, db)});
  }
  const std::string& path = argument(call, "a file with an entry or a database");
  const Json file = io::read_json(path, "");
  std::vector<Module> modules;
  if (file.contains("modules")) {
    modules = ModuleDb::parse(file, path).modules();
  } else {
    const io::ObjectReader entry(file, path);
    modules.push_back(
        cost::parse_module(cost::key_of_class(entry.text("full_class_name")), file, path));
  }
  ModuleDb with = db;
  for (Module& module : modules) {
    if (module.origin == "builtin") {
      throw error<FileError>(
          "{}: {}: origin is builtin; an entry of yours is of origin user.", path, module.key);
    }
    with.put(module);
  }
  for (const Module& module : modules) {
    probe(module, with);
  }
  return add_to_file(config, modules);
}

/// The database alone, or whether it has all that a tree needs; with an analyzer it is asked for
/// what is missing.
Report check(const RooflineConfig& config, const Call& call) {
  ModuleDb db = modules_of(config, call, false);
  const ModuleDb user = read_user_modules(config.modules);
  std::vector<std::string> unfilled;
  for (const Module& module : user.modules()) {
    if (const auto formula = module.unfilled()) {
      unfilled.push_back(fmt::format("{} (no {})", module.full_class_name, *formula));
    } else {
      probe(module, db);
    }
  }
  if (call.operands.size() < 2) {
    Report out =
        said(fmt::format("{} built-in modules, {} in {}{}.",
                         ModuleDb::builtin().modules().size(),
                         user.modules().size(),
                         config.modules,
                         unfilled.empty() ? ", all filled in"
                                          : "; still to be filled in: " +
                                                fmt::format("{}", fmt::join(unfilled, ", "))),
             {{"builtin", ModuleDb::builtin().modules().size()},
              {"user", user.modules().size()},
              {"unfilled", unfilled}});
    out.failed = !unfilled.empty();
    return out;
  }
  const Model model = load(argument(call, "a tree, or a config.json"), false);
  std::map<std::string, std::vector<Instance>> unknown = unknown_in(model.graph, db);
  std::vector<Module> added;
  if (!config.analyzer.empty()) {
    for (const auto& [cls, instances] : unknown) {
      added.push_back(ask_analyzer(analyzer_of(config, call), cls, instances, db));
      // At once, so that no answer is lost with the next: they may have taken minutes.
      static_cast<void>(add_to_file(config, {added.back()}));
      db.put(added.back());
    }
    unknown.clear();
  }
  Report out{.json = {{"unknown", Json::array()}, {"added", Json::array()}},
             .failed = !unknown.empty()};
  for (const Module& module : added) {
    out.text += fmt::format(
        "{}: added to {}, from {}.\n", module.full_class_name, config.modules, module.origin);
    out.json["added"].push_back(module.full_class_name);
  }
  for (const auto& [cls, instances] : unknown) {
    const Module* module = db.find(cls);
    const std::string& layer = instances.front().path;
    out.text +=
        printable_text(
            module == nullptr
                ? cost::unknown_class_message(db, cls, layer)
                : fmt::format(
                      "{} (layer {}): the formula {} is empty.", cls, layer, *module->unfilled())) +
        "\n";
    out.json["unknown"].push_back({{"class", cls}, {"layer", instances.front().path}});
  }
  if (unknown.empty()) {
    out.text += fmt::format("{}: the database knows every class.\n", model.path);
  }
  return out;
}

Report list(const RooflineConfig& config, const Call& call) {
  const ModuleDb db = modules_of(config, call, false);
  std::vector<std::vector<std::string>> rows;
  for (const Module& module : db.modules()) {
    std::vector<std::string> parameters;
    for (const cost::ModuleParameter& parameter : module.parameters) {
      parameters.push_back(parameter.name);
    }
    rows.push_back({module.full_class_name,
                    module.origin,
                    module.human_validated ? "yes" : "no",
                    fmt::format("{}", fmt::join(parameters, " "))});
  }
  const std::array columns = {Column{"Class", Align::kLeft},
                              Column{"Origin", Align::kLeft},
                              Column{"Validated", Align::kLeft},
                              Column{"Parameters", Align::kLeft}};
  return {.text = pipe_table(columns, rows), .json = db.to_json()};
}

Report schema(const RooflineConfig&, const Call&) {
  Report out{.json = cost::module_file_schema(), .is_file = true};
  out.text = io::json_text(out.json, 2) + "\n";
  return out;
}

}  // namespace

Report modules(const RooflineConfig& config, const Call& call) {
  using Action = Report (*)(const RooflineConfig&, const Call&);
  static const std::map<std::string, Action> kActions = {
      {"add", add}, {"check", check}, {"list", list}, {"schema", schema}, {"stub", stub}};
  const std::string action = call.operands.empty() ? "" : call.operands.front();
  const auto found = kActions.find(action);
  if (found == kActions.end()) {
    throw error<ConfigError>("modules: expected add, check, list, schema or stub, found {}.",
                             action.empty() ? "nothing" : "\"" + action + "\"");
  }
  if (config.modules.empty() && (action == "stub" || action == "add")) {
    throw ConfigError("modules: is empty; name the file of your module database.");
  }
  if ((action == "list" || action == "schema") && call.operands.size() > 1) {
    throw error<ConfigError>("modules {}: takes no operand, found {}.", action, call.operands[1]);
  }
  if (action != "add" && (action != "check" || call.operands.size() < 2)) {
    refuse_given(call, {"analyzer"}, "is asked by modules add CLASS and modules check TREE only");
  }
  if (config.analyzer.empty()) {
    refuse_given(call, {"analyzer_timeout_s", "analyzer_env"}, "has no meaning without --analyzer");
  }
  if (action == "schema") {
    refuse_given(call, {"modules"}, "is not read by modules schema");
  }
  return found->second(config, call);
}

}  // namespace ff::roofline
