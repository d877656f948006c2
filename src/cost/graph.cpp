// SPDX-License-Identifier: MIT
#include "flops_fit/cost/graph.h"

namespace ff::cost {
namespace {

void walk(const Node& node,
          const std::string& prefix,
          const Num& repeat,
          const std::function<void(const Node&, const std::string&, const Num&)>& visit) {
  const std::string path = prefix.empty() ? node.name : prefix + "." + node.name;
  const Num times = repeat * Num(node.repeat);
  if (node.children.empty()) {
    visit(node, path, times);
  }
  for (const Node& child : node.children) {
    walk(child, path, times, visit);
  }
}

}  // namespace

bool is_attention(const Node& leaf) {
  return leaf.cls == "flops_fit.ScaledDotProductAttention" ||
         leaf.cls == "flops_fit.ChunkedAttention" || leaf.cls == "flops_fit.SlidingWindowAttention";
}

bool is_embedding(const Node& leaf) {
  return leaf.cls == "flops_fit.Embedding";
}

bool is_head(const std::string& path) {
  return path == "lm_head";
}

bool is_in_block(const std::string& path) {
  return path.starts_with("model.layers");
}

void for_each_leaf(
    const Graph& graph,
    const std::function<void(const Node& leaf, const std::string& path, const Num& repeat)>&
        visit) {
  for (const Node& node : graph.layers) {
    walk(node, "", Num(1), visit);
  }
}

}  // namespace ff::cost
