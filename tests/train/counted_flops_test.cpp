// SPDX-License-Identifier: MIT
// The matrix products that a training step really computes, counted while it runs, against the cost
// model: in the fused engine at each tile of its kernels (compiled with FF_COUNT_FLOPS), in the
// eager one at each product that LibTorch is asked for.
#include "gemm.h"
#include "support/catch.h"

#include "flops_fit/cost/training.h"
#include "flops_fit/engine/cpu.h"
#include "flops_fit/engine/engine.h"

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <atomic>
#include <random>
#include <set>

using namespace ff::engine;
using ff::cost::Num;

namespace {

constexpr int64_t kRows = 3;

/// Multiples of the widest vector, so that no vector is filled up; sequences below and above the
/// length up to which the backward pass finds the forward pass's scores.
std::vector<ff::cost::Architecture> shapes() {
  return {{.d_model = 32,
           .num_layers = 2,
           .num_heads = 2,
           .d_ff = 80,
           .vocab_size = 103,
           .seq_len = 64},
          {.d_model = 48,
           .num_layers = 3,
           .num_heads = 1,
           .d_ff = 33,
           .vocab_size = 521,
           .seq_len = 16},
          {.d_model = 96,
           .num_layers = 1,
           .num_heads = 3,
           .d_ff = 256,
           .vocab_size = 64,
           .seq_len = 288}};
}

void train_once(Engine& engine, const ff::cost::Architecture& arch) {
  std::mt19937 random(1);
  std::vector<int32_t> tokens(static_cast<size_t>(kRows * (arch.seq_len + 1)));
  for (int32_t& token : tokens) {
    token = static_cast<int32_t>(random() % static_cast<unsigned>(arch.vocab_size));
  }
  static_cast<void>(
      engine.train_step({tokens, kRows, arch.seq_len}, {.learning_rate = 0.1, .micro_batches = 2}));
}

std::string counted_by_model(const ff::cost::Architecture& arch,
                             const ff::cost::TrainOptions& options) {
  const Num step =
      ff::cost::train_flops(ff::cost::spec_of(arch), arch.seq_len, options).total() * kRows;
  return step.to_string();
}

/// FLOPs of the products that LibTorch has computed; products inside of others count once.
std::atomic<int64_t> torch_flops{0};
thread_local int inside = 0;

struct InProduct : at::ObserverContext {};

std::unique_ptr<at::ObserverContext> on_operator(const at::RecordFunction& function) {
  static const std::set<std::string> kProducts = {
      "aten::mm", "aten::bmm", "aten::addmm", "aten::baddbmm", "aten::matmul", "aten::linear"};
  if (!kProducts.contains(function.name())) {
    return nullptr;
  }
  if (inside++ == 0) {
    const auto inputs = function.inputs();
    // Of addmm and baddbmm, the factors come second and third.
    const size_t first = std::string(function.name()).find("add") == std::string::npos ? 0 : 1;
    const auto left = inputs[first].toTensor().sizes();
    const auto right = inputs[first + 1].toTensor().sizes();
    int64_t flops = 2 * right.back();
    for (const int64_t size : left) {
      flops *= size;
    }
    torch_flops += flops;
  }
  return std::make_unique<InProduct>();
}

void after_operator(const at::RecordFunction&, at::ObserverContext* context) {
  inside -= context != nullptr ? 1 : 0;
}

}  // namespace

TEST_CASE("a step of the fused engine computes the products that the cost model counts",
          "[engine][cost]") {
  for (const auto& [set, lanes] : {std::pair(InstructionSet::kPlain, 4),
                                   std::pair(InstructionSet::kAvx2, FF_AVX2_LANES),
                                   std::pair(InstructionSet::kAvx512, 16)}) {
    limit_instruction_set(set);
    if (instruction_set() != set) {
      continue;  // not on this CPU
    }
    for (const ff::cost::Architecture& arch : shapes()) {
      CAPTURE(to_string(set), arch.seq_len);
      const auto p = ff::model::make_parametrization(arch, {});
      const auto engine = make_engine("fused", p, {}, 1);
      fused::multiply_adds = 0;
      train_once(*engine, arch);
      CHECK(std::to_string(2 * fused::multiply_adds) ==
            counted_by_model(arch, {.mask_tile = lanes, .remake_scores = arch.seq_len > 256}));
      // Another convention is another number: the comparison can fail.
      CHECK(std::to_string(2 * fused::multiply_adds) != counted_by_model(arch, {}));
    }
  }
  limit_instruction_set(InstructionSet::kAvx512);
}

TEST_CASE("a step of the eager engine computes the products that the cost model counts",
          "[engine][cost]") {
  const auto handle = at::addGlobalCallback(at::RecordFunctionCallback(on_operator, after_operator)
                                                .needsInputs(true)
                                                .scopes({at::RecordScope::FUNCTION}));
  for (const ff::cost::Architecture& arch : shapes()) {
    CAPTURE(arch.seq_len);
    const auto p = ff::model::make_parametrization(arch, {});
    const auto engine = make_engine("eager", p, {}, 1);
    torch_flops = 0;
    train_once(*engine, arch);
    // It masks scores after it has made them all.
    CHECK(std::to_string(torch_flops) == counted_by_model(arch, {.causal = false}));
    CHECK(std::to_string(torch_flops) != counted_by_model(arch, {}));
  }
  at::removeCallback(handle);
}
