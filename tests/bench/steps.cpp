// SPDX-License-Identifier: MIT
// Whole training steps of either engine at the shapes that the targets are set for. One process is
// one core: scripts/bench.sh runs as many at once as a sweep would.
#include "flops_fit/cost/transformer.h"
#include "flops_fit/engine/cpu.h"
#include "flops_fit/engine/engine.h"

#include <benchmark/benchmark.h>
#include <random>

namespace {

using ff::cost::Architecture;

struct Shape {
  const char* name;
  Architecture arch;
  int64_t rows;
};

/// d_ff of the long rows: 8 d / 3, rounded up to 64.
constexpr Architecture long_rows(int64_t d, int64_t layers, int64_t heads) {
  return {.d_model = d,
          .num_layers = layers,
          .num_heads = heads,
          .d_ff = (8 * d / 3 + 63) / 64 * 64,
          .vocab_size = 4096,
          .seq_len = 256};
}

/// The built-in corpus as the planner takes it: heads of eight features, an MLP of four widths.
constexpr Architecture stories(int64_t d) {
  return {.d_model = d,
          .num_layers = 2,
          .num_heads = d / 8,
          .d_ff = 4 * d,
          .vocab_size = 488,
          .seq_len = 64};
}

constexpr Shape kShapes[] = {{"d8", stories(8), 64},
                             {"d16", stories(16), 64},
                             {"d32", stories(32), 64},
                             {"d64", long_rows(64, 4, 4), 16},
                             {"d128", long_rows(128, 4, 4), 16},
                             {"d256", long_rows(256, 6, 4), 16},
                             {"d512", long_rows(512, 8, 8), 16}};

void train(benchmark::State& state, const Shape& shape, const char* engine_name, bool bf16) {
  const Architecture& arch = shape.arch;
  const auto p = ff::model::make_parametrization(arch, {});
  const auto engine = ff::engine::make_engine(engine_name, p, {.bf16_products = bf16}, 1);
  std::mt19937 random(1);
  std::vector<int32_t> tokens(static_cast<size_t>(shape.rows * (arch.seq_len + 1)));
  for (int32_t& token : tokens) {
    token = static_cast<int32_t>(random() % static_cast<uint32_t>(arch.vocab_size));
  }
  const auto step = [&](int64_t rows) {
    const auto part = std::span(tokens).first(static_cast<size_t>(rows * (arch.seq_len + 1)));
    static_cast<void>(engine->train_step({part, rows, arch.seq_len}, {.learning_rate = 0.1}));
  };
  step(1);
  for (auto _ : state) {
    step(shape.rows);
  }
  const auto step_tokens = static_cast<double>(shape.rows * arch.seq_len);
  const auto steps = static_cast<double>(state.iterations());
  using benchmark::Counter;
  state.counters["tokens_per_s"] = Counter(steps * step_tokens, Counter::kIsRate);
  state.counters["flops_per_s"] =
      Counter(steps * step_tokens * ff::cost::train_flops_per_token(arch), Counter::kIsRate);
  state.counters["peak_flops_per_s"] = Counter(ff::engine::peak_flops_per_s());
}

}  // namespace

int main(int argc, char** argv) {
  ff::engine::prepare_worker_process();
  for (const Shape& shape : kShapes) {
    const std::string name = shape.name;
    const auto add = [&](const std::string& variant, const char* engine, bool bf16) {
      benchmark::RegisterBenchmark(
          (name + "/" + variant).c_str(),
          [&shape, engine, bf16](benchmark::State& state) { train(state, shape, engine, bf16); })
          ->Unit(benchmark::kMillisecond);
    };
    add("fused", "fused", false);
    add("eager", "eager", false);
    if (ff::engine::has_bf16_products()) {
      add("bf16", "fused", true);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
