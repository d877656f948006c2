// SPDX-License-Identifier: MIT
// The fused engine's kernels alone, at the shapes of a model of width d and 256 positions.
#include "fused/kernels.h"

#include "fused/blocks.h"
#include "fused/buffer.h"

#include "flops_fit/engine/cpu.h"

#include <benchmark/benchmark.h>

namespace {

namespace fused = ff::engine::fused;
using benchmark::Counter;
using fused::Pass;
using fused::Precision;

constexpr int64_t kPositions = 256;

fused::Buffer filled(int64_t count) {
  return fused::Buffer(fused::size(count + 32), 0.01F);
}

void report(benchmark::State& state, double flops) {
  state.counters["flops_per_s"] =
      Counter(flops * static_cast<double>(state.iterations()), Counter::kIsRate);
  state.counters["peak_flops_per_s"] = Counter(ff::engine::peak_flops_per_s());
}

/// Arguments: fan_in, fan_out.
void product(benchmark::State& state, Pass pass) {
  const int64_t in = state.range(0);
  const int64_t out = state.range(1);
  const bool forward = pass == Pass::kForward;
  const auto weight = filled(in * out);
  const auto a = filled(kPositions * (forward ? in : out));
  auto c = filled(kPositions * (forward ? out : in));
  std::vector<std::byte> panels(fused::size(fused::panels_bytes(Precision::kFloat32, out, in)));
  fused::pack_weight(Precision::kFloat32, pass, out, in, weight.data(), panels.data());
  for (auto _ : state) {
    fused::packed_product(Precision::kFloat32,
                          pass,
                          kPositions,
                          out,
                          in,
                          a.data(),
                          panels.data(),
                          1.0F,
                          false,
                          c.data());
    benchmark::ClobberMemory();
  }
  report(state, 2.0 * static_cast<double>(kPositions * in * out));
}

void weight_gradient(benchmark::State& state) {
  const int64_t in = state.range(0);
  const int64_t out = state.range(1);
  const auto dy = filled(kPositions * out);
  const auto x = filled(kPositions * in);
  auto dw = filled(in * out);
  for (auto _ : state) {
    fused::linear_grad_weight(
        Precision::kFloat32, kPositions, out, in, dy.data(), x.data(), 1.0F, true, dw.data());
    benchmark::ClobberMemory();
  }
  report(state, 2.0 * static_cast<double>(kPositions * in * out));
}

/// Arguments: sequence length, head size. Causal FLOPs only.
void attention(benchmark::State& state) {
  const int64_t seq_len = state.range(0);
  const int64_t head = state.range(1);
  const std::vector<float> cos(fused::size(seq_len * head), 1.0F);
  const std::vector<float> sin(fused::size(seq_len * head), 0.0F);
  const fused::Attention shape{.batch = 1,
                               .seq_len = seq_len,
                               .num_heads = 4,
                               .head = head,
                               .logit_scale = 1.0F,
                               .output_scale = 1.0F,
                               .grad_scale = 1.0F,
                               .cos = cos.data(),
                               .sin = sin.data()};
  const int64_t d = 4 * head;
  const auto qkv = filled(seq_len * 3 * d);
  auto weights = filled(fused::kept_weights(shape.num_heads, shape.seq_len));
  auto out = filled(seq_len * d);
  auto dqkv = filled(seq_len * 3 * d);
  for (auto _ : state) {
    fused::attention_forward(shape, qkv.data(), weights.data(), out.data());
    fused::attention_backward(shape, qkv.data(), weights.data(), out.data(), dqkv.data());
    benchmark::ClobberMemory();
  }
  report(state, 6.0 * static_cast<double>(seq_len * (seq_len + 1) * d));
}

void cross_entropy(benchmark::State& state) {
  const int64_t vocab = state.range(0);
  constexpr int64_t kRows = 48;
  auto logits = filled(kRows * vocab);
  const std::vector<int64_t> targets(kRows, 1);
  std::vector<float> losses(kRows);
  for (auto _ : state) {
    fused::cross_entropy(
        kRows, vocab, 1.0F, 1.0F, logits.data(), targets.data(), losses.data(), logits.data());
    benchmark::ClobberMemory();
  }
  state.counters["logits_per_s"] =
      Counter(static_cast<double>(kRows * vocab * state.iterations()), Counter::kIsRate);
}

void widths(benchmark::internal::Benchmark* b) {
  for (const int64_t d : {8, 16, 32, 64, 128, 256, 512}) {
    b->Args({d, 4 * d});
  }
  b->Args({64, 4096})->Args({512, 4096});
}

BENCHMARK_CAPTURE(product, forward, Pass::kForward)->Apply(widths);
BENCHMARK_CAPTURE(product, grad_input, Pass::kGradInput)->Apply(widths);
BENCHMARK(weight_gradient)->Apply(widths);
BENCHMARK(attention)->Args({64, 8})->Args({256, 16})->Args({256, 64})->Args({1024, 64});
BENCHMARK(cross_entropy)->Arg(488)->Arg(4096)->Arg(32000);

}  // namespace

BENCHMARK_MAIN();
