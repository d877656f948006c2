// SPDX-License-Identifier: MIT
#pragma once
// A model as a tree of layers, in which nothing is lost: what a framework computes by functions
// (attention, residual sums, rotation, gating) is a leaf like any other. A leaf names a class of
// the module database and gives its parameters, as numbers or as formulas over the workload's names
// (evaluate.h); a node with children costs nothing itself.
#include "flops_fit/cost/expr.h"
#include "flops_fit/cost/model_spec.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace ff::cost {

struct Node {
  std::string name;
  std::string cls;                                       ///< dotted path, the last part capitalised
  int64_t repeat = 1;                                    ///< equal copies of it
  std::vector<std::pair<std::string, Expr>> parameters;  ///< of a leaf
  std::vector<Node> children;
};

/// A whole model: its layers stand at the top, as "model" and "lm_head" do.
struct Graph {
  std::string model_id;
  std::vector<Node> layers;
};

/// Layers that differ stand apart, in the order of their first appearance: "layers" if all are
/// equal, else "layers[experts,rotary]".
[[nodiscard]] Graph build_graph(const ModelSpec& spec);

// What a leaf of build_graph() is.
[[nodiscard]] bool is_attention(const Node& leaf);
[[nodiscard]] bool is_embedding(const Node& leaf);
[[nodiscard]] bool is_head(const std::string& path);
[[nodiscard]] bool is_in_block(const std::string& path);  ///< one of the decoder layers

/// LM-Predictor's tree of a Llama (functions between layers are not in it), for `--profile compat`.
/// Throws ConfigError for other models, which LM-Predictor's database does not know.
[[nodiscard]] Graph build_lm_predictor_graph(const ModelSpec& spec);

/// Calls `visit` for every leaf with its path ("model.layers.mlp.up_proj") and the product of the
/// repeats above it and its own.
void for_each_leaf(
    const Graph& graph,
    const std::function<void(const Node& leaf, const std::string& path, const Num& repeat)>& visit);

}  // namespace ff::cost
