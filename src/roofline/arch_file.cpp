// SPDX-License-Identifier: MIT
#include "flops_fit/roofline/arch_file.h"

#include "flops_fit/cost/evaluate.h"
#include "flops_fit/io/json.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

namespace ff::roofline {
namespace {

using cost::Expr;
using cost::Node;
using cost::Num;
using io::Json;

constexpr int64_t kMaxRepeat = 1'000'000;

Expr parse_value(const Json& value, const std::string& where) {
  try {
    if (value.is_boolean()) {
      return Expr(Num(value.get<bool>() ? 1 : 0));
    }
    if (value.is_number_integer()) {
      return Expr(cost::parse_num(value.dump()));
    }
    if (value.is_number()) {
      return Expr(cost::parse_num(value.dump()));
    }
    if (value.is_string()) {
      return Expr::parse(value.get<std::string>());
    }
  } catch (const FileError& problem) {
    throw error<FileError>("{}: {}.", where, problem.what());
  } catch (const cost::CountError& problem) {
    throw error<FileError>("{}: {}.", where, problem.what());
  }
  throw error<FileError>("{}: expected a number, or a formula as text.", where);
}

Node parse_layer(const Json& json, const std::string& where);

std::vector<Node> parse_layers(const Json& list, const std::string& where) {
  if (!list.is_array() || list.empty()) {
    throw error<FileError>("{}: expected a list of at least one layer.", where);
  }
  std::vector<Node> out;
  for (size_t i = 0; i < list.size(); ++i) {
    out.push_back(parse_layer(list[i], fmt::format("{}[{}]", where, i)));
  }
  return out;
}

Node parse_layer(const Json& json, const std::string& where) {
  const io::ObjectReader reader(json, where);
  constexpr std::array kKeys = {"name", "class", "repeat", "sub_layers", "parameters"};
  for (const auto& [key, value] : json.items()) {
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      throw error<FileError>(
          "{}: unknown key \"{}\"; there are: {}.", where, key, fmt::join(kKeys, ", "));
    }
  }
  Node out{.name = reader.text("name"), .cls = reader.text("class")};
  if (out.name.empty()) {
    throw error<FileError>("{}.name: is empty.", where);
  }
  if (const auto problem = cost::class_problem(out.cls)) {
    throw error<FileError>("{}.class: \"{}\": {}.", where, out.cls, *problem);
  }
  if (reader.has("repeat")) {
    out.repeat = reader.integer("repeat");
    if (out.repeat < 1 || out.repeat > kMaxRepeat) {
      throw error<FileError>(
          "{}.repeat: expected 1 to {}, found {}.", where, kMaxRepeat, out.repeat);
    }
  }
  if (reader.has("sub_layers")) {
    out.children = parse_layers(reader.at("sub_layers"), where + ".sub_layers");
    if (reader.has("parameters")) {
      throw error<FileError>("{}.parameters: a layer with sub_layers costs nothing and has none.",
                             where);
    }
  } else if (reader.has("parameters")) {
    const io::ObjectReader parameters = reader.object("parameters");
    for (const auto& [name, value] : parameters.items()) {
      out.parameters.emplace_back(
          name, parse_value(value, fmt::format("{}.{}", parameters.where(), name)));
    }
  }
  return out;
}

Json layer_json(const Node& node, bool with_parameters) {
  Json out = {{"name", node.name}, {"class", node.cls}};
  if (node.repeat != 1) {
    out["repeat"] = node.repeat;
  }
  for (const Node& child : node.children) {
    out["sub_layers"].push_back(layer_json(child, with_parameters));
  }
  if (with_parameters && node.children.empty()) {
    out["parameters"] = Json::object();
    for (const auto& [name, value] : node.parameters) {
      Json& place = out["parameters"][name];
      place = value.text();
      if (value.is_constant() &&
          value.text().find_first_not_of("0123456789") == std::string::npos) {
        constexpr size_t kDigits = 18;  // always fit 64 bits
        place = value.text().size() <= kDigits ? Json(value.eval({}).rounded()) : place;
      }
    }
  }
  return out;
}

/// Where parameters of user-written layers come from.
class Sources {
 public:
  Sources(const cost::Graph& models_own, const Json& config, const cost::ModelSpec& spec)
      : config_(&config), spec_(&spec) {
    cost::for_each_leaf(models_own, [&](const Node& leaf, const std::string& path, const Num&) {
      own_[path] = &leaf;
    });
  }

  [[nodiscard]] std::optional<Expr> find(const Node& leaf,
                                         const std::string& path,
                                         const std::string& name) const {
    if (const auto own = own_.find(path); own != own_.end() && own->second->cls == leaf.cls) {
      for (const auto& [given, value] : own->second->parameters) {
        if (given == name) {
          return value;
        }
      }
    }
    if (cost::is_runtime_name(name)) {
      return Expr::parse("{" + name + "}");
    }
    for (const Json* place : {config_, &io::member(*config_, "text_config")}) {
      const Json& value = io::member(*place, name);
      if (value.is_number_integer()) {
        return Expr(Num(value.get<int64_t>()));
      }
    }
    return derived(name);
  }

 private:
  [[nodiscard]] std::optional<Expr> derived(const std::string& name) const {
    const std::array<std::pair<const char*, int64_t>, 9> kDerived = {
        {{"head_dim", spec_->head_dim},
         {"num_heads", spec_->num_heads},
         {"num_kv_heads", spec_->num_kv_heads},
         {"d_model", spec_->d_model},
         {"hidden_size", spec_->d_model},
         {"d_ff", spec_->d_ff},
         {"intermediate_size", spec_->d_ff},
         {"vocab_size", spec_->vocab_size},
         {"num_layers", spec_->num_layers()}}};
    for (const auto& [known, value] : kDerived) {
      if (name == known) {
        return Expr(Num(value));
      }
    }
    return std::nullopt;
  }

  const Json* config_;
  const cost::ModelSpec* spec_;
  std::map<std::string, const Node*> own_;
};

void populate_node(Node& node,
                   const std::string& prefix,
                   const Sources& sources,
                   const cost::ModuleDb& db) {
  const std::string path = prefix.empty() ? node.name : prefix + "." + node.name;
  for (Node& child : node.children) {
    populate_node(child, path, sources, db);
  }
  if (!node.children.empty()) {
    return;
  }
  const cost::Module* module = db.find(node.cls);
  if (module == nullptr) {
    throw FileError(cost::unknown_class_message(db, node.cls, path));
  }
  for (const cost::ModuleParameter& parameter : module->parameters) {
    const bool given = std::any_of(node.parameters.begin(),
                                   node.parameters.end(),
                                   [&](const auto& p) { return p.first == parameter.name; });
    if (given) {
      continue;
    }
    const std::optional<Expr> value = sources.find(node, path, parameter.name);
    if (!value) {
      throw error<FileError>(
          "layer {} ({}): the parameter {} ({}) is not in the config, and does not follow from it; "
          "write it into the layer's \"parameters\".",
          path,
          node.cls,
          parameter.name,
          parameter.description);
    }
    node.parameters.emplace_back(parameter.name, *value);
  }
}

}  // namespace

bool is_arch(const Json& file) {
  return file.is_object() && file.contains("layers") && !file.contains("model_type");
}

cost::Graph parse_arch(const Json& file, const std::string& where) {
  const io::ObjectReader reader(file, where);
  for (const auto& [key, value] : file.items()) {
    if (key != "model_id" && key != "layers") {
      throw error<FileError>("{}: unknown key \"{}\"; there are: model_id, layers.", where, key);
    }
  }
  return {.model_id = reader.text("model_id"),
          .layers = parse_layers(reader.at("layers"), where + ": layers")};
}

Json arch_json(const cost::Graph& graph, bool with_parameters) {
  Json layers = Json::array();
  for (const Node& node : graph.layers) {
    layers.push_back(layer_json(node, with_parameters));
  }
  return {{"model_id", graph.model_id}, {"layers", std::move(layers)}};
}

cost::Graph populate(cost::Graph tree,
                     const cost::Graph& models_own,
                     const cost::ModuleDb& db,
                     const Json& config,
                     const cost::ModelSpec& spec) {
  const Sources sources(models_own, config, spec);
  for (Node& node : tree.layers) {
    populate_node(node, "", sources, db);
  }
  return tree;
}

}  // namespace ff::roofline
