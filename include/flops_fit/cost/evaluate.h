// SPDX-License-Identifier: MIT
#pragma once
// What a model costs on a workload: the module database's formulas over the leaves of its tree.
//
// Conventions of the built-in database ("exact"): a matrix product is 2mnk FLOPs, a look-up 0;
// elementwise work is kept apart; every leaf reads its weights once, reads its inputs and writes
// its output; attention's scores never touch memory; q, k and v are products of their own, and so
// are gate and up; of E experts, E (1 - (1 - k/E)^T) are read for T tokens (uniform routing).
//
// Names that the parameters of a leaf may use:
//   {tokens}          new tokens of all queries
//   {logit_tokens}    of those, the ones whose logits are computed
//   {batch_size}      queries
//   {seq_len} {cache_len}            new and cached tokens of each, where all queries are alike
//   {new_tokens} {cached_tokens}     of one query, in modules that are counted per query
//   {causal} {mask_tile}             of the workload
//   {w_dtype_bytes} {a_dtype_bytes} {kv_dtype_bytes} {index_dtype_bytes} (4)
//   {dtype_bytes}     activations, in older files
//   {touched_experts} where the leaf has num_experts and experts_per_token
#include "flops_fit/cost/graph.h"
#include "flops_fit/cost/modules.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::cost {

struct Query {
  int64_t cached_tokens = 0;  ///< whose keys and values are in the cache
  int64_t new_tokens = 1;
};

struct Workload {
  std::vector<Query> queries;
  bool causal = true;
  bool all_logits = false;  ///< of every new token; else of each query's last one
  /// Kernels skip masked pairs in tiles of t x t and compute whole ones along the diagonal; 1
  /// counts the pairs alone. Layers with chunks or windows are always counted exactly.
  int64_t mask_tile = 1;
  Num w_bytes = 2, a_bytes = 2, kv_bytes = 2;  ///< of a number
};

[[nodiscard]] Num tokens_of(const Workload& workload);
[[nodiscard]] Num logit_tokens_of(const Workload& workload);

/// Throws ConfigError: no queries, or counts that are none.
void check(const Workload& workload);

/// What one leaf costs.
struct OpCost {
  std::string path;  ///< "model.layers.mlp.up_proj"
  std::string name;
  std::string cls;
  Num repeat;  ///< copies of it in the model
  Cost each;   ///< one copy
  std::string origin;
  bool human_validated = false;
  /// As evaluated; for the first query by length, where the module is counted per query.
  std::vector<std::pair<std::string, Num>> parameters;

  [[nodiscard]] Cost total() const { return each * repeat; }
};

/// Every leaf, in the order of the tree. Throws FileError: a class that the database does not know
/// (with the path, and near matches), a missing or undeclared parameter, an empty formula;
/// CountError: an overflow.
[[nodiscard]] std::vector<OpCost> evaluate(const Graph& graph,
                                           const ModuleDb& db,
                                           const Workload& workload);

/// Whether a leaf counts.
using LeafFilter = std::function<bool(const Node& leaf, const std::string& path)>;

/// As evaluate(), for one quantity, all leaves (or those that pass) added: what planner and trainer
/// ask for, who need it fast.
[[nodiscard]] Num evaluate_total(const Graph& graph,
                                 const ModuleDb& db,
                                 const Workload& workload,
                                 Num Cost::*quantity,
                                 const LeafFilter& counts = {});

[[nodiscard]] Cost total(std::span<const OpCost> ops);

/// "unknown class my.Mixer (layer model.layers.mixer). Did you mean ...?", with the two ways
/// forward.
[[nodiscard]] std::string unknown_class_message(const ModuleDb& db,
                                                std::string_view cls,
                                                std::string_view path);

/// Whether the parameters of a leaf may use this name.
[[nodiscard]] bool is_runtime_name(std::string_view name);

/// Expected number of E experts that at least one of `tokens` tokens chooses, each choosing k of
/// them uniformly: E (1 - (1 - k/E)^T), to 2^-48 of an expert; E beyond 4096 tokens.
[[nodiscard]] Num touched_experts(const Num& experts, const Num& per_token, const Num& tokens);

}  // namespace ff::cost
