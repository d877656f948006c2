// SPDX-License-Identifier: MIT
// One entry of a module database, to and from JSON.
#include "flops_fit/cost/modules.h"
#include "flops_fit/io/json.h"

#include <algorithm>
#include <cctype>

namespace ff::cost {
namespace {

using io::Json;

constexpr std::array kTypes = {"int", "float", "bool"};

bool is_name(std::string_view text) {
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) == 0 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
         });
}

void refuse_unknown_keys(const Json& object,
                         std::initializer_list<std::string_view> known,
                         const std::string& where) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      throw error<FileError>(
          "{}: unknown key \"{}\"; there are: {}.", where, key, fmt::join(known, ", "));
    }
  }
}

bool flag(const Json& object, const char* key, const std::string& where) {
  const Json& value = io::member(object, key);
  if (!value.is_boolean()) {
    throw error<FileError>("{}.{}: expected true or false.", where, key);
  }
  return value.get<bool>();
}

Expr parse_formula(const std::string& text, const std::string& where) {
  try {
    return Expr::parse(text);
  } catch (const FormulaError& problem) {
    throw error<FileError>("{}: {}, in \"{}\".", where, problem.what(), text);
  }
}

std::vector<ModuleParameter> parse_parameters(const Json& list, const std::string& where) {
  if (!list.is_array()) {
    throw error<FileError>("{}: expected a list of {{name, type, description}}.", where);
  }
  std::vector<ModuleParameter> out;
  for (size_t i = 0; i < list.size(); ++i) {
    const io::ObjectReader item(list[i], fmt::format("{}[{}]", where, i));
    refuse_unknown_keys(list[i], {"name", "type", "description"}, item.where());
    ModuleParameter parameter{
        item.text("name"), item.text("type"), item.text_or("description", "")};
    if (!is_name(parameter.name)) {
      throw error<FileError>(
          "{}.name: \"{}\" is no name: letters, digits and _.", item.where(), parameter.name);
    }
    if (std::find(kTypes.begin(), kTypes.end(), parameter.type) == kTypes.end()) {
      throw error<FileError>(
          "{}.type: \"{}\" is none of {}.", item.where(), parameter.type, fmt::join(kTypes, ", "));
    }
    if (std::any_of(out.begin(), out.end(), [&](const auto& other) {
          return other.name == parameter.name;
        })) {
      throw error<FileError>("{}.name: \"{}\" is declared twice.", item.where(), parameter.name);
    }
    out.push_back(std::move(parameter));
  }
  return out;
}

/// A formula may use declared parameters and the definitions before it.
void check_names(const Expr& formula,
                 const Module& module,
                 size_t definitions,
                 const std::string& where) {
  for (const std::string& name : formula.names()) {
    if (std::any_of(module.parameters.begin(), module.parameters.end(), [&](const auto& p) {
          return p.name == name;
        })) {
      continue;
    }
    const auto end = module.definitions.begin() + static_cast<std::ptrdiff_t>(definitions);
    if (std::none_of(
            module.definitions.begin(), end, [&](const auto& d) { return d.first == name; })) {
      throw error<FileError>(
          "{}: {{{}}} is no declared parameter, and no earlier definition.", where, name);
    }
  }
}

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
  for (const Quantity& quantity : kQuantities) {
    this->*quantity.of += other.*quantity.of;
  }
  return *this;
}

Cost operator*(const Cost& cost, const Num& times) {
  Cost out;
  for (const Quantity& quantity : kQuantities) {
    out.*quantity.of = cost.*quantity.of * times;
  }
  return out;
}

bool Module::answers_to(std::string_view cls) const {
  return full_class_name == cls || std::find(also.begin(), also.end(), cls) != also.end();
}

std::optional<std::string> Module::unfilled() const {
  for (size_t i = 0; i < kQuantities.size(); ++i) {
    if (kQuantities[i].required && !formulas[i]) {
      return kQuantities[i].key;
    }
  }
  return std::nullopt;
}

std::optional<std::string> class_problem(std::string_view cls) {
  std::string_view last = cls;
  while (true) {
    const size_t dot = last.find('.');
    if (!is_name(last.substr(0, dot))) {
      return "expected a class path like my.package.Mixer: names with dots between them";
    }
    if (dot == std::string_view::npos) {
      break;
    }
    last.remove_prefix(dot + 1);
  }
  if (std::isupper(static_cast<unsigned char>(last.front())) == 0) {
    return "expected a class path like my.package.Mixer: its last part begins with a capital";
  }
  return std::nullopt;
}

std::string key_of_class(std::string_view cls) {
  const std::string_view library = cls.substr(0, cls.find('.'));
  const size_t last = cls.rfind('.');
  return last == std::string_view::npos ? std::string(cls)
                                        : fmt::format("{}_{}", library, cls.substr(last + 1));
}

Module stub_module(const std::string& cls) {
  if (const auto problem = class_problem(cls)) {
    throw error<ConfigError>("\"{}\": {}.", cls, *problem);
  }
  return {.key = key_of_class(cls),
          .full_class_name = cls,
          .parameters = {{"tokens", "int", "new tokens of all queries"},
                         {"w_dtype_bytes", "float", "bytes of a weight"},
                         {"a_dtype_bytes", "float", "bytes of an activation"}},
          .origin = "user"};
}

Module parse_module(const std::string& key, const Json& entry, const std::string& where) {
  const io::ObjectReader reader(entry, where);
  refuse_unknown_keys(entry,
                      {"full_class_name",
                       "also",
                       "description",
                       "parameters",
                       "per",
                       "definitions",
                       "formulas",
                       "source",
                       "origin",
                       "human_validated"},
                      where);
  Module out{.key = key,
             .full_class_name = reader.text("full_class_name"),
             .description = reader.text_or("description", ""),
             .parameters = parse_parameters(reader.at("parameters"), where + ".parameters"),
             .source = reader.text_or("source", ""),
             .origin = reader.text("origin"),
             .human_validated = flag(entry, "human_validated", where)};
  const auto check_class = [&](const std::string& cls) {
    if (const auto problem = class_problem(cls)) {
      throw error<FileError>("{}: \"{}\": {}.", where, cls, *problem);
    }
  };
  check_class(out.full_class_name);
  if (reader.has("also")) {
    for (const Json& cls : reader.at("also")) {
      if (!cls.is_string()) {
        throw error<FileError>("{}.also: expected a list of class paths.", where);
      }
      check_class(out.also.emplace_back(cls.get<std::string>()));
    }
  }
  if (out.origin != "builtin" && out.origin != "user" && !out.origin.starts_with("external:")) {
    throw error<FileError>(
        "{}.origin: expected builtin, user or external:COMMAND, found \"{}\".", where, out.origin);
  }
  const std::string per = reader.text_or("per", "batch");
  if (per != "batch" && per != "query") {
    throw error<FileError>("{}.per: expected batch or query, found \"{}\".", where, per);
  }
  out.per_query = per == "query";
  if (reader.has("definitions")) {
    const io::ObjectReader definitions = reader.object("definitions");
    for (const auto& [name, text] : definitions.items()) {
      const std::string place = fmt::format("{}.{}", definitions.where(), name);
      if (!is_name(name)) {
        throw error<FileError>("{}: no name: letters, digits and _.", place);
      }
      Expr formula = parse_formula(definitions.text(name), place);
      check_names(formula, out, out.definitions.size(), place);
      out.definitions.emplace_back(name, std::move(formula));
    }
  }
  const io::ObjectReader formulas = reader.object("formulas");
  for (const auto& [name, text] : formulas.items()) {
    const auto known = std::find_if(kQuantities.begin(),
                                    kQuantities.end(),
                                    [&key = name](const Quantity& q) { return q.key == key; });
    if (known == kQuantities.end()) {
      std::vector<std::string> names;
      for (const Quantity& quantity : kQuantities) {
        names.emplace_back(quantity.key);
      }
      throw error<FileError>("{}: unknown formula \"{}\"; there are: {}.",
                             formulas.where(),
                             name,
                             fmt::join(names, ", "));
    }
    const std::string formula = formulas.text(name);
    if (formula.find_first_not_of(" \t\n") == std::string::npos) {
      continue;
    }
    const std::string place = fmt::format("{}.{}", formulas.where(), name);
    Expr parsed = parse_formula(formula, place);
    check_names(parsed, out, out.definitions.size(), place);
    out.formulas[static_cast<size_t>(known - kQuantities.begin())] = std::move(parsed);
  }
  for (const Quantity& quantity : kQuantities) {
    if (quantity.required && !entry["formulas"].contains(quantity.key)) {
      throw error<FileError>("{}: no {}.", formulas.where(), quantity.key);
    }
  }
  return out;
}

Json to_json(const Module& module) {
  Json parameters = Json::array();
  for (const ModuleParameter& p : module.parameters) {
    parameters.push_back({{"name", p.name}, {"type", p.type}, {"description", p.description}});
  }
  Json formulas = Json::object();
  for (size_t i = 0; i < kQuantities.size(); ++i) {
    if (kQuantities[i].required || module.formulas[i]) {
      formulas[kQuantities[i].key] = module.formulas[i] ? module.formulas[i]->text() : "";
    }
  }
  Json out = {{"full_class_name", module.full_class_name}};
  if (!module.also.empty()) {
    out["also"] = module.also;
  }
  if (!module.description.empty()) {
    out["description"] = module.description;
  }
  out["parameters"] = std::move(parameters);
  if (module.per_query) {
    out["per"] = "query";
  }
  for (const auto& [name, formula] : module.definitions) {
    out["definitions"][name] = formula.text();
  }
  out["formulas"] = std::move(formulas);
  if (!module.source.empty()) {
    out["source"] = module.source;
  }
  out["origin"] = module.origin;
  out["human_validated"] = module.human_validated;
  return out;
}

}  // namespace ff::cost
