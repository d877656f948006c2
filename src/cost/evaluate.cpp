// SPDX-License-Identifier: MIT
#include "flops_fit/cost/evaluate.h"

#include "runtime_names.h"

#include "flops_fit/util/error.h"

#include <algorithm>
#include <cmath>

namespace ff::cost {
namespace {

size_t index_of(Num Cost::*quantity) {
  const auto found = std::find_if(
      kQuantities.begin(), kQuantities.end(), [&](const Quantity& q) { return q.of == quantity; });
  return static_cast<size_t>(found - kQuantities.begin());
}

/// One leaf with its module.
class Leaf {
 public:
  Leaf(const Node& node, const std::string& path, const ModuleDb& db, const Batch& batch)
      : node_(&node), path_(&path), db_(&db), batch_(&batch), module_(db.find(node.cls)) {
    if (module_ == nullptr) {
      throw FileError(unknown_class_message(db, node.cls, path));
    }
    if (const auto formula = module_->unfilled()) {
      throw error<FileError>(
          "layer {}: module {}: the formula {} is empty; write it into the database first.",
          path,
          module_->full_class_name,
          *formula);
    }
    for (const auto& [name, value] : node.parameters) {
      const auto& declared = module_->parameters;
      if (std::none_of(declared.begin(), declared.end(), [&given = name](const auto& p) {
            return p.name == given;
          })) {
        throw error<FileError>("layer {}: module {} has no parameter {}; it has: {}.",
                               path,
                               module_->full_class_name,
                               name,
                               declared_names());
      }
    }
  }

  [[nodiscard]] const Module& module() const { return *module_; }

  /// One quantity: the batch at once, or query by query.
  [[nodiscard]] Num quantity(size_t index) const {
    if (!module_->per_query) {
      return quantity_for(index, nullptr);
    }
    Num sum = 0;
    for (const auto& [query, count] : batch_->kinds) {
      // Weights are there once, however many queries there are.
      const bool once = kQuantities[index].of == &Cost::weight ||
                        kQuantities[index].of == &Cost::parameters ||
                        kQuantities[index].of == &Cost::active_parameters;
      const Num one = quantity_for(index, &query);
      if (once) {
        return one;
      }
      sum += one * count;
    }
    return sum;
  }

  [[nodiscard]] std::vector<Num> values(const Query* query) const {
    std::vector<Num> out;
    out.reserve(module_->parameters.size());
    for (const ModuleParameter& parameter : module_->parameters) {
      out.push_back(value_of(parameter, query));
    }
    return out;
  }

  [[nodiscard]] std::vector<std::pair<std::string, Num>> named_values() const {
    const std::vector<Num> numbers =
        values(module_->per_query ? &batch_->kinds.front().first : nullptr);
    std::vector<std::pair<std::string, Num>> out;
    for (size_t i = 0; i < numbers.size(); ++i) {
      out.emplace_back(module_->parameters[i].name, numbers[i]);
    }
    return out;
  }

 private:
  [[nodiscard]] std::string declared_names() const {
    std::vector<std::string> names;
    for (const ModuleParameter& parameter : module_->parameters) {
      names.push_back(parameter.name);
    }
    return fmt::format("{}", fmt::join(names, ", "));
  }

  [[nodiscard]] Num quantity_for(size_t index, const Query* query) const {
    if (kQuantities[index].of == &Cost::active_parameters && !module_->formulas[index]) {
      index = index_of(&Cost::parameters);
    }
    // Most are 0: the planner counts thousands of models.
    const std::optional<Expr>& formula = module_->formulas[index];
    if (!formula) {
      return 0;
    }
    if (formula->is_constant()) {
      return formula->eval({});
    }
    try {
      return evaluate_formula(*db_, *module_, index, values(query));
    } catch (const CountError& problem) {
      throw CountError(fmt::format("layer {}: {}", *path_, problem.what()));
    }
  }

  [[nodiscard]] Num value_of(const ModuleParameter& parameter, const Query* query) const {
    const auto given = std::find_if(node_->parameters.begin(),
                                    node_->parameters.end(),
                                    [&](const auto& p) { return p.first == parameter.name; });
    if (given == node_->parameters.end()) {
      throw error<FileError>("layer {}: no parameter {}, which module {} needs ({}).",
                             *path_,
                             parameter.name,
                             module_->full_class_name,
                             parameter.description);
    }
    const Num value = evaluated(given->second, parameter.name, query);
    if (parameter.type == "int" && !value.is_whole()) {
      throw error<FileError>("layer {}: parameter {} is {}, and should be a whole number.",
                             *path_,
                             parameter.name,
                             value.to_string());
    }
    return value;
  }

  [[nodiscard]] Num evaluated(const Expr& expr, const std::string& name, const Query* query) const {
    const Scope scope{
        .value =
            [&](const std::string& used) {
              try {
                return value_of_name(used, {batch_, query, node_});
              } catch (const NameError& reason) {
                throw error<FileError>("layer {}: parameter {}: {{{}}} cannot be used here: {}.",
                                       *path_,
                                       name,
                                       used,
                                       reason.what());
              }
            },
        .module = [&](const std::string&, std::span<const Num>) -> Num {
          throw error<FileError>("layer {}: parameter {} calls a module.", *path_, name);
        }};
    try {
      return expr.eval(scope);
    } catch (const CountError& problem) {
      throw CountError(fmt::format("layer {}: parameter {}: {}.", *path_, name, problem.what()));
    }
  }

  const Node* node_;
  const std::string* path_;
  const ModuleDb* db_;
  const Batch* batch_;
  const Module* module_;
};

Num sum_over(const Workload& workload, int64_t Query::*length) {
  Num sum = 0;
  for (const Query& query : workload.queries) {
    sum += query.*length;
  }
  return sum;
}

}  // namespace

Num tokens_of(const Workload& workload) {
  return sum_over(workload, &Query::new_tokens);
}

Num logit_tokens_of(const Workload& workload) {
  return workload.all_logits ? tokens_of(workload)
                             : Num(static_cast<int64_t>(workload.queries.size()));
}

void check(const Workload& workload) {
  if (workload.queries.empty()) {
    throw ConfigError("the workload has no queries.");
  }
  for (const Query& query : workload.queries) {
    if (query.new_tokens < 1 || query.cached_tokens < 0) {
      throw error<ConfigError>(
          "a query of {} new and {} cached tokens: expected at least 1 and at least 0.",
          query.new_tokens,
          query.cached_tokens);
    }
  }
  if (workload.mask_tile < 1) {
    throw error<ConfigError>("mask_tile: expected at least 1, found {}.", workload.mask_tile);
  }
}

std::vector<OpCost> evaluate(const Graph& graph, const ModuleDb& db, const Workload& workload) {
  check(workload);
  const Batch batch(workload);
  std::vector<OpCost> out;
  for_each_leaf(graph, [&](const Node& node, const std::string& path, const Num& repeat) {
    const Leaf leaf(node, path, db, batch);
    OpCost op{.path = path,
              .name = node.name,
              .cls = node.cls,
              .repeat = repeat,
              .origin = leaf.module().origin,
              .human_validated = leaf.module().human_validated,
              .parameters = leaf.named_values()};
    for (size_t i = 0; i < kQuantities.size(); ++i) {
      op.each.*kQuantities[i].of = leaf.quantity(i);
      if ((op.each.*kQuantities[i].of).is_negative()) {
        throw error<FileError>("layer {}: module {}: {} is {}, less than nothing.",
                               path,
                               node.cls,
                               kQuantities[i].key,
                               (op.each.*kQuantities[i].of).to_string());
      }
    }
    out.push_back(std::move(op));
  });
  return out;
}

Num evaluate_total(const Graph& graph,
                   const ModuleDb& db,
                   const Workload& workload,
                   Num Cost::*quantity,
                   const LeafFilter& counts) {
  check(workload);
  const Batch batch(workload);
  const auto index =
      static_cast<size_t>(std::find_if(kQuantities.begin(),
                                       kQuantities.end(),
                                       [&](const Quantity& q) { return q.of == quantity; }) -
                          kQuantities.begin());
  Num sum = 0;
  for_each_leaf(graph, [&](const Node& node, const std::string& path, const Num& repeat) {
    if (!counts || counts(node, path)) {
      sum += Leaf(node, path, db, batch).quantity(index) * repeat;
    }
  });
  return sum;
}

Cost total(std::span<const OpCost> ops) {
  Cost sum;
  for (const OpCost& op : ops) {
    sum += op.total();
  }
  return sum;
}

std::string unknown_class_message(const ModuleDb& db, std::string_view cls, std::string_view path) {
  const std::vector<std::string> near = db.near(cls);
  return fmt::format(
      "unknown class {} (layer {}).{} Add it with `ff-roofline modules stub {}`, which writes an "
      "entry to fill in, or with `ff-roofline modules add {} --analyzer COMMAND`.",
      cls,
      path,
      near.empty() ? "" : fmt::format(" Did you mean {}?", fmt::join(near, " or ")),
      cls,
      cls);
}

Num touched_experts(const Num& experts, const Num& per_token, const Num& tokens) {
  constexpr int64_t kMany = 4096;
  if (!(tokens < Num(kMany + 1)) || !(per_token < experts)) {
    return experts;
  }
  // (1 - k/E)^T in long double is good to 1e-15 of itself; a whole answer (T = 1) comes out whole.
  const long double missed = std::pow(1.0L - static_cast<long double>(per_token.to_double()) /
                                                 static_cast<long double>(experts.to_double()),
                                      static_cast<long double>(tokens.to_double()));
  const long double touched = static_cast<long double>(experts.to_double()) * (1.0L - missed);
  constexpr int64_t kUnits = int64_t{1} << 48;
  return Num::ratio(static_cast<Int128>(std::roundl(touched * static_cast<long double>(kUnits))),
                    kUnits);
}

}  // namespace ff::cost
