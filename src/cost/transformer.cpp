// SPDX-License-Identifier: MIT
#include "flops_fit/cost/transformer.h"

#include "flops_fit/cost/training.h"

#include <algorithm>
#include <cmath>

namespace ff::cost {

int64_t mlp_width(int64_t d_model, double ffn_ratio) {
  const double width = ffn_ratio * static_cast<double>(d_model);
  return std::max<int64_t>(8, std::llround(width / 8.0) * 8);
}

ParamCounts count_params(const Architecture& arch) {
  const ParamTotals totals = param_totals(spec_of(arch));
  ParamCounts counts;
  counts.total = totals.total.rounded();
  counts.embedding = totals.embedding.rounded();
  counts.head = totals.head.rounded();
  counts.non_embedding = totals.body().rounded();
  counts.matmul = counts.non_embedding + counts.head;
  return counts;
}

double forward_flops_per_token(const Architecture& arch) {
  return (train_flops(spec_of(arch), arch.seq_len).forward / arch.seq_len).to_double();
}

double train_flops_per_token(const Architecture& arch) {
  return (train_flops(spec_of(arch), arch.seq_len).total() / arch.seq_len).to_double();
}

}  // namespace ff::cost
