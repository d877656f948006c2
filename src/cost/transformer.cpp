// SPDX-License-Identifier: MIT
#include "flops_fit/cost/transformer.h"

#include "flops_fit/cost/training.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace ff::cost {
namespace {

// Blocks are alike, so one evaluation serves every depth; and the planner's search asks for
// thousands of depths of a few hundred widths, so answers are kept.

using Key = std::array<int64_t, 5>;

template <class Value, class Make>
const Value& kept(std::map<Key, Value>& known, const Key& key, const Make& make) {
  constexpr size_t kMost = 4096;
  if (const auto found = known.find(key); found != known.end()) {
    return found->second;
  }
  if (known.size() >= kMost) {
    known.clear();
  }
  return known[key] = make();
}

ModelSpec with_one_layer(Architecture arch) {
  arch.num_layers = 1;
  return spec_of(arch);
}

/// Norms have no gain, so that body() is one block.
const ParamTotals& params_of(const Architecture& arch) {
  static thread_local std::map<Key, ParamTotals> known;
  return kept(known, {arch.d_model, arch.num_heads, arch.d_ff, arch.vocab_size, 0}, [&] {
    return param_totals(with_one_layer(arch));
  });
}

/// Forward FLOPs of one sequence: of a block, and of the rest.
struct Forward {
  Num block, rest;
};
const Forward& forward_of(const Architecture& arch) {
  static thread_local std::map<Key, Forward> known;
  return kept(known, {arch.d_model, arch.num_heads, arch.d_ff, arch.vocab_size, arch.seq_len}, [&] {
    const ModelSpec spec = with_one_layer(arch);
    const Num block = block_flops(spec, arch.seq_len);
    return Forward{block, train_flops(spec, arch.seq_len).forward - block};
  });
}

}  // namespace

int64_t mlp_width(int64_t d_model, double ffn_ratio) {
  const double width = ffn_ratio * static_cast<double>(d_model);
  return std::max<int64_t>(8, std::llround(width / 8.0) * 8);
}

ParamCounts count_params(const Architecture& arch) {
  const ParamTotals& one = params_of(arch);
  ParamCounts counts;
  counts.embedding = one.embedding.rounded();
  counts.head = one.head.rounded();
  counts.non_embedding = (one.body() * arch.num_layers).rounded();
  counts.matmul = counts.non_embedding + counts.head;
  counts.total = counts.matmul + counts.embedding;
  return counts;
}

double forward_flops_per_token(const Architecture& arch) {
  const Forward& forward = forward_of(arch);
  return ((forward.rest + forward.block * arch.num_layers) / arch.seq_len).to_double();
}

double train_flops_per_token(const Architecture& arch) {
  return 3.0 * forward_flops_per_token(arch);
}

}  // namespace ff::cost
