// SPDX-License-Identifier: MIT
#include "flops_fit/cost/transformer.h"

#include <algorithm>
#include <cmath>

namespace ff::cost {

int64_t mlp_width(int64_t d_model, double ffn_ratio) {
  const double width = ffn_ratio * static_cast<double>(d_model);
  return std::max<int64_t>(8, std::llround(width / 8.0) * 8);
}

ParamCounts count_params(const Architecture& arch) {
  const int64_t attention = 4 * arch.d_model * arch.d_model;
  const int64_t mlp = 3 * arch.d_model * arch.d_ff;
  ParamCounts counts;
  counts.embedding = arch.vocab_size * arch.d_model;
  counts.head = arch.vocab_size * arch.d_model;
  counts.non_embedding = arch.num_layers * (attention + mlp);
  counts.matmul = counts.non_embedding + counts.head;
  counts.total = counts.matmul + counts.embedding;
  return counts;
}

double forward_flops_per_token(const Architecture& arch) {
  const double weights = 2.0 * static_cast<double>(count_params(arch).matmul);
  // Two products (scores, and values) of 2d FLOPs for each of the (S+1)/2 visible keys.
  const double attention = 2.0 * static_cast<double>(arch.seq_len + 1) *
                           static_cast<double>(arch.d_model) * static_cast<double>(arch.num_layers);
  return weights + attention;
}

double train_flops_per_token(const Architecture& arch) {
  return 3.0 * forward_flops_per_token(arch);
}

}  // namespace ff::cost
