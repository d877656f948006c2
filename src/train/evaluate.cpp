// SPDX-License-Identifier: MIT
#include "flops_fit/train/evaluate.h"

#include "flops_fit/engine/speed.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

namespace ff::train {

HeldOutLoss evaluate(engine::Engine& engine, const data::EvalSet& set) {
  const int64_t rows_at_once = std::max<int64_t>(1, engine::kEvaluationTokens / set.seq_len);
  std::vector<double> row_sums(static_cast<size_t>(set.rows));
  std::vector<double> row_counts(static_cast<size_t>(set.rows));
  double sum = 0.0;
  double count = 0.0;
  for (int64_t first = 0; first < set.rows; first += rows_at_once) {
    const int64_t rows = std::min(rows_at_once, set.rows - first);
    const auto tokens = std::span(set.tokens)
                            .subspan(static_cast<size_t>(first * (set.seq_len + 1)),
                                     static_cast<size_t>(rows * (set.seq_len + 1)));
    const std::vector<float> losses = engine.target_losses({tokens, rows, set.seq_len});
    for (int64_t i = 0; i < rows * set.seq_len; ++i) {
      if (set.scored[static_cast<size_t>(first * set.seq_len + i)] != 0) {
        const auto row = static_cast<size_t>(first + i / set.seq_len);
        row_sums[row] += static_cast<double>(losses[static_cast<size_t>(i)]);
        row_counts[row] += 1.0;
      }
    }
  }
  for (size_t row = 0; row < row_sums.size(); ++row) {
    sum += row_sums[row];
    count += row_counts[row];
  }
  HeldOutLoss loss{.mean_nats = sum / count};
  // Standard error of a ratio of sums over independent rows.
  double squares = 0.0;
  for (size_t row = 0; row < row_sums.size(); ++row) {
    const double residual = row_sums[row] - loss.mean_nats * row_counts[row];
    squares += residual * residual;
  }
  loss.stderr_nats = std::sqrt(squares) / count;
  if (set.scored_bytes > 0) {
    loss.bits_per_byte = sum / std::numbers::ln2 / set.scored_bytes;
  }
  return loss;
}

}  // namespace ff::train
