// SPDX-License-Identifier: MIT
#include "flops_fit/cost/transformer.h"

#include "support/catch.h"

#include "flops_fit/cost/run_time.h"

#include <vector>

using ff::cost::Architecture;

TEST_CASE("exact FLOPs per token follow the published closed form", "[cost]") {
  // 3 (L (32 d^2 + 2 (S+1) d) + 2 V d) for a causal mask and d_ff = 4 d, written out by hand.
  const Architecture arch{.d_model = 32,
                          .num_layers = 2,
                          .num_heads = 4,
                          .d_ff = 128,
                          .vocab_size = 488,
                          .seq_len = 64};
  CHECK(ff::cost::train_flops_per_token(arch) ==
        3.0 * (2 * (32 * 1024 + 2 * 65 * 32) + 2 * 488 * 32));
  CHECK(ff::cost::forward_flops_per_token(arch) * 3 == ff::cost::train_flops_per_token(arch));
}

TEST_CASE("with a large vocabulary the head dominates a small model", "[cost]") {
  // L4 d128 V50257 S256: 46,461,696 FLOPs per token under the full mask (cost model, section 4.1),
  // which counts S keys per query where causal attention sees (S+1)/2 on average.
  const Architecture arch{.d_model = 128,
                          .num_layers = 4,
                          .num_heads = 8,
                          .d_ff = 512,
                          .vocab_size = 50257,
                          .seq_len = 256};
  const double full_minus_causal = 3.0 * 4 * (4.0 * 256 - 2.0 * 257) * 128;
  CHECK(ff::cost::train_flops_per_token(arch) + full_minus_causal == 46461696.0);
}

TEST_CASE("parameters are counted by hand", "[cost]") {
  const Architecture arch{
      .d_model = 16, .num_layers = 2, .num_heads = 2, .d_ff = 64, .vocab_size = 488, .seq_len = 64};
  const auto counts = ff::cost::count_params(arch);
  CHECK(counts.non_embedding == 2 * 16 * 256);  // 16 d^2 a block when d_ff = 4 d
  CHECK(counts.head == 488 * 16);
  CHECK(counts.matmul == 2 * 16 * 256 + 488 * 16);
  CHECK(counts.total == counts.matmul + 488 * 16);
}

TEST_CASE("a run costs its start, its training tokens and its evaluated tokens", "[cost]") {
  const ff::cost::TokenSeconds speed{.train = 2e-6, .evaluate = 5e-7};
  CHECK(ff::cost::run_seconds(1'000'000, 100'000, speed) ==
        Approx(ff::cost::kRunStartSeconds + 2.0 + 0.05));
  CHECK(ff::cost::run_seconds(1'000'000, 100'000, {}) == 0.0);  // a speed that nobody knows
}

TEST_CASE("a sweep ends when the last core has done its longest-first share", "[cost]") {
  const std::vector<double> runs = {2, 5, 3, 3, 1};
  CHECK(ff::cost::sweep_seconds(runs, 1) == 14.0);
  // 5 | 3 3, then 2 goes to the first core (5 < 6), 1 to the second.
  CHECK(ff::cost::sweep_seconds(runs, 2) == 7.0);
  CHECK(ff::cost::sweep_seconds(runs, 100) == 5.0);
  // Longest first is not always the best order, but it is the one that ff-train takes.
  CHECK(ff::cost::sweep_seconds(std::vector<double>{3, 3, 2, 2, 2}, 2) == 7.0);
  CHECK(ff::cost::sweep_seconds({}, 2) == 0.0);
}
