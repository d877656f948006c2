// SPDX-License-Identifier: MIT
#include "modules/embedded.h"

#include "flops_fit/cost/modules.h"
#include "flops_fit/io/json.h"

#include <algorithm>

namespace ff::cost {
namespace {

using io::Json;

constexpr const char* kFormat = "flops-fit modules";
constexpr int64_t kVersion = 1;
// Of modules by modules, before it must be a circle.
constexpr int kMaxDepth = 20;
constexpr int kMaxCalls = 1000;

/// Levenshtein distance.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string_view last_part(std::string_view cls) {
  const size_t dot = cls.rfind('.');
  return dot == std::string_view::npos ? cls : cls.substr(dot + 1);
}

/// Evaluates the formulas of one call of a module, and those it calls.
class Evaluation {
 public:
  Evaluation(const ModuleDb& db, size_t quantity) : db_(&db), quantity_(quantity) {}

  Num run(const Module& module, std::span<const Num> parameters) {
    if (++depth_ > kMaxDepth || ++calls_ > kMaxCalls) {
      throw error<FileError>("module {}: its formulas call each other in a circle.",
                             module.full_class_name);
    }
    const std::optional<Expr>& formula = module.formulas[quantity_];
    if (!formula && kQuantities[quantity_].required) {
      throw error<FileError>(
          "module {}: the formula {} is empty; write it into the database first.",
          module.full_class_name,
          kQuantities[quantity_].key);
    }
    const Num result = formula ? eval(module, *formula, parameters) : Num(0);
    --depth_;
    return result;
  }

 private:
  Num eval(const Module& module, const Expr& formula, std::span<const Num> parameters) {
    std::vector<std::optional<Num>> defined(module.definitions.size());
    Scope scope;
    scope.value = [&](const std::string& name) -> Num {
      for (size_t i = 0; i < module.parameters.size(); ++i) {
        if (module.parameters[i].name == name) {
          return parameters[i];
        }
      }
      for (size_t i = 0; i < module.definitions.size(); ++i) {
        if (module.definitions[i].first == name) {
          if (!defined[i]) {
            defined[i] = module.definitions[i].second.eval(scope);
          }
          return *defined[i];
        }
      }
      throw CountError(fmt::format("there is no {{{}}}", name));
    };
    scope.module = [&](const std::string& cls, std::span<const Num> arguments) {
      const Module* called = db_->find(cls);
      if (called == nullptr) {
        throw error<FileError>("module {}: {} calls ${{{}}}, which is not in the database.",
                               module.full_class_name,
                               kQuantities[quantity_].key,
                               cls);
      }
      if (called->parameters.size() != arguments.size()) {
        throw error<FileError>("module {}: {} calls ${{{}}} with {} arguments; it takes {}.",
                               module.full_class_name,
                               kQuantities[quantity_].key,
                               cls,
                               arguments.size(),
                               called->parameters.size());
      }
      return run(*called, arguments);
    };
    try {
      return formula.eval(scope);
    } catch (const CountError& problem) {
      throw CountError(fmt::format("module {}: {}: {}.",
                                   module.full_class_name,
                                   kQuantities[quantity_].key,
                                   problem.what()));
    }
  }

  const ModuleDb* db_;
  size_t quantity_;
  int depth_ = 0;
  int calls_ = 0;
};

}  // namespace

const ModuleDb& ModuleDb::builtin() {
  static const ModuleDb db = parse(io::parse_json(kBuiltinModules), "built-in modules");
  return db;
}

const ModuleDb& ModuleDb::lm_predictor() {
  static const ModuleDb db = parse(io::parse_json(kLmPredictorModules), "LM-Predictor's modules");
  return db;
}

ModuleDb ModuleDb::parse(const Json& file, const std::string& where) {
  const io::ObjectReader reader(file, where);
  if (reader.text("format") != kFormat || reader.integer("version") != kVersion) {
    throw error<FileError>("{}: expected format \"{}\", version {}; found \"{}\", version {}.",
                           where,
                           kFormat,
                           kVersion,
                           reader.text("format"),
                           reader.integer("version"));
  }
  for (const auto& [key, value] : file.items()) {
    if (key != "format" && key != "version" && key != "modules") {
      throw error<FileError>(
          "{}: unknown key \"{}\"; there are: format, version, modules.", where, key);
    }
  }
  ModuleDb db;
  const io::ObjectReader modules = reader.object("modules");
  for (const auto& [key, entry] : modules.items()) {
    Module module = parse_module(key, entry, fmt::format("{}: modules.{}", where, key));
    if (db.find(module.full_class_name) != nullptr) {
      throw error<FileError>("{}: modules.{}: another entry has the class {}, too.",
                             where,
                             key,
                             module.full_class_name);
    }
    db.modules_.push_back(std::move(module));
  }
  return db;
}

Json ModuleDb::to_json() const {
  Json modules = Json::object();
  for (const Module& module : modules_) {
    modules[module.key] = cost::to_json(module);
  }
  return {{"format", kFormat}, {"version", kVersion}, {"modules", std::move(modules)}};
}

std::string ModuleDb::free_key(const Module& module) const {
  const auto taken = [&](const std::string& key) {
    return std::any_of(
        modules_.begin(), modules_.end(), [&](const Module& m) { return m.key == key; });
  };
  std::string key = module.key;
  if (taken(key)) {
    key = module.full_class_name;
    std::replace(key.begin(), key.end(), '.', '_');
  }
  while (taken(key)) {
    key += '_';
  }
  return key;
}

void ModuleDb::put(Module module) {
  const auto same = std::find_if(modules_.begin(), modules_.end(), [&](const Module& other) {
    return other.full_class_name == module.full_class_name;
  });
  if (same != modules_.end()) {
    module.key = same->key;
    *same = std::move(module);
  } else {
    module.key = free_key(module);
    modules_.push_back(std::move(module));
  }
}

void ModuleDb::put_all(const ModuleDb& other) {
  // In front, so that they come before what knows their class as an alias.
  for (Module module : other.modules_) {
    std::erase_if(modules_,
                  [&](const Module& m) { return m.full_class_name == module.full_class_name; });
    module.key = free_key(module);
    modules_.insert(modules_.begin(), std::move(module));
  }
}

const Module* ModuleDb::find(std::string_view cls) const {
  const auto found = std::find_if(modules_.begin(), modules_.end(), [&](const Module& module) {
    return module.answers_to(cls);
  });
  return found == modules_.end() ? nullptr : &*found;
}

std::vector<std::string> ModuleDb::near(std::string_view cls) const {
  std::vector<std::pair<size_t, std::string>> ranked;
  for (const Module& module : modules_) {
    std::vector<std::string> names = module.also;
    names.push_back(module.full_class_name);
    for (const std::string& name : names) {
      const size_t apart = distance(last_part(cls), last_part(name));
      if (apart <= std::max<size_t>(2, last_part(cls).size() / 3)) {
        ranked.emplace_back(apart, name);
      }
    }
  }
  std::stable_sort(
      ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (size_t i = 0; i < std::min<size_t>(3, ranked.size()); ++i) {
    out.push_back(ranked[i].second);
  }
  return out;
}

Num evaluate_formula(const ModuleDb& db,
                     const Module& module,
                     size_t quantity,
                     std::span<const Num> parameters) {
  return Evaluation(db, quantity).run(module, parameters);
}

Json module_file_schema() {
  const Json text = {{"type", "string"}};
  Json formulas = {{"type", "object"},
                   {"additionalProperties", false},
                   {"required", Json::array()},
                   {"properties", Json::object()}};
  for (const Quantity& quantity : kQuantities) {
    formulas["properties"][quantity.key] = {
        {"type", "string"},
        {"description", fmt::format("{}; empty = still to be written", quantity.doc)}};
    if (quantity.required) {
      formulas["required"].push_back(quantity.key);
    }
  }
  const Json cls = {{"type", "string"}, {"pattern", "^([A-Za-z_]\\w*\\.)*[A-Z]\\w*$"}};
  const Json parameter = {{"type", "object"},
                          {"additionalProperties", false},
                          {"required", {"name", "type"}},
                          {"properties",
                           {{"name", {{"type", "string"}, {"pattern", "^[A-Za-z_]\\w*$"}}},
                            {"type", {{"enum", {"int", "float", "bool"}}}},
                            {"description", text}}}};
  const Json module = {
      {"type", "object"},
      {"additionalProperties", false},
      {"required", {"full_class_name", "parameters", "formulas", "origin", "human_validated"}},
      {"properties",
       {{"full_class_name", cls},
        {"also", {{"type", "array"}, {"items", cls}}},
        {"description", text},
        {"parameters", {{"type", "array"}, {"items", parameter}}},
        {"per", {{"enum", {"batch", "query"}}}},
        {"definitions", {{"type", "object"}, {"additionalProperties", text}}},
        {"formulas", formulas},
        {"source", text},
        {"origin", {{"type", "string"}, {"pattern", "^(builtin|user|external:.*)$"}}},
        {"human_validated", {{"type", "boolean"}}}}}};
  return {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
          {"title", "Module database of flops-fit"},
          {"type", "object"},
          {"additionalProperties", false},
          {"required", {"format", "version", "modules"}},
          {"properties",
           {{"format", {{"const", kFormat}}},
            {"version", {{"const", kVersion}}},
            {"modules", {{"type", "object"}, {"additionalProperties", module}}}}}};
}

}  // namespace ff::cost
