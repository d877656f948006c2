// SPDX-License-Identifier: MIT
#pragma once
// Runs of an lr_transfer sweep whose vertices are known.
#include "flops_fit/io/results.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace ff::test {

struct LrDesign {
  std::vector<int64_t> widths = {32, 64, 128, 256};
  std::vector<double> vertices = {0.1, 0.1, 0.1, 0.1};  ///< log2 eta, one per width
  std::vector<double> exponents = {-3, -2, -1, 0, 1, 2, 3};
  double curvature = 0.04;  ///< nats per octave^2
};

/// Loss 0.8, 0.75, 0.7, ... at the vertices, and an exact parabola in log2 eta around them.
inline std::vector<io::RunResult> planted_lr_runs(const LrDesign& design = {}) {
  std::vector<io::RunResult> runs;
  for (size_t w = 0; w < design.widths.size(); ++w) {
    const int64_t d = design.widths[w];
    for (const double x : design.exponents) {
      io::RunResult run;
      run.experiment_id = fmt::format("exp_{:04}", runs.size());
      run.sweep_kind = io::kLrTransferSweep;
      run.architecture = cost::Architecture{.d_model = d,
                                            .num_layers = 2,
                                            .num_heads = d / 8,
                                            .d_ff = 4 * d,
                                            .vocab_size = 488,
                                            .seq_len = 64};
      run.model_size = 32 * d * d + 488 * d;
      run.num_tokens = 200'192;
      run.compute_budget = 6.0 * static_cast<double>(run.model_size * run.num_tokens);
      run.actual_flops = run.compute_budget;
      run.learning_rate = std::exp2(x);
      run.seed = 0;
      run.status = "completed";
      const double away = x - design.vertices[w];
      run.final_loss = 0.8 - 0.05 * static_cast<double>(w) + design.curvature * away * away;
      runs.push_back(run);
    }
  }
  return runs;
}

/// The run at a width and log2 eta.
inline io::RunResult& run_at(std::vector<io::RunResult>& runs, int64_t width, double exponent) {
  for (io::RunResult& run : runs) {
    if (run.architecture->d_model == width && *run.learning_rate == std::exp2(exponent)) {
      return run;
    }
  }
  throw std::out_of_range("no such run");
}

/// Turns a run into one that diverged half-way.
inline void diverge(io::RunResult& run) {
  run.status = "failed";
  run.final_loss.reset();
  run.error_message = "diverged at step 200 of 391: the training loss is nan";
  run.actual_flops /= 2;
}

}  // namespace ff::test
