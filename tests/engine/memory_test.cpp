// SPDX-License-Identifier: MIT
// How the prediction grows; that it holds is checked on real processes in tests/e2e.
#include "flops_fit/engine/memory.h"

#include "support/catch.h"

using ff::cost::Architecture;
using ff::engine::predicted_memory;

TEST_CASE("predicted memory grows with what a run holds", "[engine]") {
  const Architecture arch{.d_model = 64,
                          .num_layers = 2,
                          .num_heads = 8,
                          .d_ff = 256,
                          .vocab_size = 4096,
                          .seq_len = 64};
  const auto own = [](const Architecture& a, const ff::engine::MemoryOptions& options) {
    return predicted_memory(a, options).own_bytes;
  };
  Architecture larger = arch;
  larger.vocab_size *= 8;
  const double added = 4.0 * 2 * 7 * 4096 * 64;  // of embedding and head
  for (const bool fused : {true, false}) {
    const ff::engine::MemoryOptions few{.fused = fused, .batch_rows = 64};
    // Weights, gradients and two moments at the least, whatever the engine.
    CHECK(own(larger, few) - own(arch, few) >= 4 * added);
    CHECK(own(arch, {.fused = fused, .batch_rows = 64, .evaluation_tokens = 10'000'000}) >
          own(arch, few) + 4e7);
  }
  // The eager engine holds the whole batch with its logits, or its part of it; the fused one only
  // the block that it is at, one for each thread.
  const double logits = 64.0 * 64 * 4096 * 4;
  CHECK(own(arch, {.fused = false, .batch_rows = 128}) >
        own(arch, {.fused = false, .batch_rows = 64}) + logits);
  CHECK(own(arch, {.fused = false, .batch_rows = 128, .micro_batches = 2}) ==
        Approx(own(arch, {.fused = false, .batch_rows = 64})).epsilon(0.001));
  CHECK(own(arch, {.batch_rows = 128}) == Approx(own(arch, {.batch_rows = 64})).epsilon(0.001));
  const auto fused = predicted_memory(arch, {.batch_rows = 64});
  CHECK(fused.private_bytes(1) == fused.own_bytes);
  CHECK(fused.private_bytes(3) == fused.own_bytes + 2 * fused.thread_bytes);
  CHECK(fused.thread_bytes > 0);
  CHECK(predicted_memory(arch, {.fused = false, .batch_rows = 64}).thread_bytes == 0);
}
