// SPDX-License-Identifier: MIT
#include "flops_fit/cost/training.h"

#include <algorithm>

namespace ff::cost {
namespace {

Workload one_sequence(int64_t seq_len, const TrainOptions& options) {
  return {.queries = {{.new_tokens = seq_len}},
          .causal = options.causal,
          .all_logits = true,
          .mask_tile = options.mask_tile};
}

}  // namespace

ParamTotals param_totals(const ModelSpec& spec) {
  const Graph graph = build_graph(spec);
  const ModuleDb& db = ModuleDb::builtin();
  const Workload any = one_sequence(1, {});
  const auto count = [&](Num Cost::*quantity, const LeafFilter& counts = {}) {
    return evaluate_total(graph, db, any, quantity, counts);
  };
  ParamTotals out{
      .total = count(&Cost::parameters),
      .embedding = count(&Cost::parameters,
                         [](const Node& leaf, const std::string&) { return is_embedding(leaf); }),
      .head = count(&Cost::parameters,
                    [](const Node&, const std::string& path) { return is_head(path); })};
  out.active = spec.num_experts == 0 ? out.total : count(&Cost::active_parameters);
  return out;
}

Num matmul_params(const ModelSpec& spec) {
  return evaluate_total(build_graph(spec),
                        ModuleDb::builtin(),
                        one_sequence(1, {}),
                        &Cost::matmul,
                        [](const Node& leaf, const std::string&) { return !is_attention(leaf); }) /
         2;
}

Num block_flops(const ModelSpec& spec, int64_t seq_len, const TrainOptions& options) {
  return evaluate_total(build_graph(spec),
                        ModuleDb::builtin(),
                        one_sequence(seq_len, options),
                        &Cost::matmul,
                        [](const Node&, const std::string& path) { return is_in_block(path); });
}

TrainFlops train_flops(const ModelSpec& spec, int64_t seq_len, const TrainOptions& options) {
  const Graph graph = build_graph(spec);
  const ModuleDb& db = ModuleDb::builtin();
  const Workload workload = one_sequence(seq_len, options);
  const auto count = [&](const LeafFilter& counts = {}) {
    return evaluate_total(graph, db, workload, &Cost::matmul, counts);
  };
  TrainFlops out;
  out.forward = count();
  out.backward = out.forward * 2;
  if (options.recompute) {
    out.again += block_flops(spec, seq_len, options);
  }
  if (options.remake_scores) {
    // Scores are one of attention's two products.
    out.again += count([](const Node& leaf, const std::string&) { return is_attention(leaf); }) / 2;
  }
  return out;
}

Num kv_cache_bytes(const ModelSpec& spec, const Workload& workload) {
  Num tokens = 0;
  for (const Query& query : workload.queries) {
    tokens += Num(query.cached_tokens) + query.new_tokens;
  }
  return tokens * 2 * spec.num_kv_heads * spec.head_dim * spec.num_layers() * workload.kv_bytes;
}

TrainMemory train_memory(const ModelSpec& spec, const Workload& workload) {
  const Num parameters = param_totals(spec).total;
  TrainMemory out{
      .weights = parameters * 4, .gradients = parameters * 4, .moments = parameters * 8};
  // A block keeps its output, too: the next one's input.
  const Num stream = tokens_of(workload) * spec.d_model * workload.a_bytes;
  Num largest_block = 0;
  for (const Node& part : build_graph(spec).layers) {
    for (const Node& node : part.children.empty() ? std::vector{part} : part.children) {
      Graph alone;
      alone.layers.push_back(node);
      const Num saved = evaluate_total(alone, ModuleDb::builtin(), workload, &Cost::saved);
      const bool block = is_in_block(part.name + "." + node.name);
      out.activations += saved;
      out.activations_recomputed += block ? stream * node.repeat : saved;
      if (block) {
        largest_block = std::max(largest_block, saved / node.repeat - stream);
      }
    }
  }
  out.activations_recomputed += largest_block;
  return out;
}

}  // namespace ff::cost
