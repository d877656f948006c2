// SPDX-License-Identifier: MIT
#pragma once
// Architecture trees on disk, in LM-Predictor's schema:
//   {"model_id": "llama2-7b", "layers": [LAYER, ...]}
//   LAYER = {"name": "layers", "class": "my.Block", "repeat": 32, "sub_layers": [LAYER, ...]}
// A layer without sub_layers costs something, one with them nothing. In a populated tree each layer
// that costs something has "parameters": numbers, or formulas over the workload's names
// (cost/evaluate.h) as text: {"tokens": "{tokens}", "in_features": 4096}.
#include "flops_fit/cost/graph.h"
#include "flops_fit/cost/modules.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace ff::roofline {

/// Whether a JSON file is a tree, rather than a model's config.json.
[[nodiscard]] bool is_arch(const nlohmann::ordered_json& file);

/// Throws FileError: the place in the file, the rule, and what was found.
[[nodiscard]] cost::Graph parse_arch(const nlohmann::ordered_json& file, const std::string& where);

[[nodiscard]] nlohmann::ordered_json arch_json(const cost::Graph& graph, bool with_parameters);

/// Gives every leaf the parameters that its module declares. In this order: those it has; those of
/// the layer with the same path and class in the model's own tree; the workload's names; a number
/// of the config with that name; what follows from the config (head_dim, num_kv_heads, ...). Throws
/// FileError: a class that the database does not know, a parameter that none of these gives.
[[nodiscard]] cost::Graph populate(cost::Graph tree,
                                   const cost::Graph& models_own,
                                   const cost::ModuleDb& db,
                                   const nlohmann::ordered_json& config,
                                   const cost::ModelSpec& spec);

}  // namespace ff::roofline
