// SPDX-License-Identifier: MIT
// The fused engine against the eager one: every gradient, and ten training steps, over random
// shapes.
#include "support/catch.h"

#include "flops_fit/engine/cpu.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/util/error.h"

#include <cmath>
#include <random>

using namespace ff::engine;

#ifndef FF_FUSED_CASES
#define FF_FUSED_CASES 50
#define FF_FUSED_STEPS 10
#endif

namespace {

struct Case {
  ff::cost::Architecture arch;
  int64_t rows = 1;
  std::string parametrization;
};

/// Nothing here is a multiple of anything: odd heads, widths and vocabularies, rows of one token,
/// one layer, one head, norm gains, rows longer than a block of the attention. Wide: layers that
/// bfloat16 is used for.
Case random_case(unsigned index, bool wide = false) {
  std::mt19937 random(index);
  const auto pick = [&](auto values) { return values.begin()[random() % values.size()]; };
  const int64_t head = wide ? pick(std::initializer_list<int64_t>{32, 34, 40, 62})
                            : pick(std::initializer_list<int64_t>{2, 4, 6, 8, 10, 16, 20});
  const int64_t heads = pick(std::initializer_list<int64_t>{1, 2, 3, 5});
  return {.arch = {.d_model = head * heads,
                   .num_layers = pick(std::initializer_list<int64_t>{1, 2, 3}),
                   .num_heads = heads,
                   .d_ff = wide ? pick(std::initializer_list<int64_t>{33, 64, 97, 250})
                                : pick(std::initializer_list<int64_t>{1, 7, 8, 24, 33, 96}),
                   .vocab_size = pick(std::initializer_list<int64_t>{2, 17, 103, 256, 521}),
                   .seq_len = index % 10 == 9
                                  ? 300
                                  : pick(std::initializer_list<int64_t>{1, 2, 7, 8, 31, 33, 64})},
          .rows = pick(std::initializer_list<int64_t>{1, 2, 3, 10, 33}),
          .parametrization = pick(
              std::initializer_list<const char*>{"u-mup", "u-mup", "sp", "mup", "mup-legacy"})};
}

std::vector<int32_t> tokens_of(const Case& c, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> tokens(static_cast<size_t>(c.rows * (c.arch.seq_len + 1)));
  for (int32_t& token : tokens) {
    // Skewed as text is. Uniform targets leave no gradient but noise, in which bfloat16's rounding
    // shows ten times larger than in any gradient that trains.
    const double u = static_cast<double>(random()) / static_cast<double>(std::mt19937::max());
    token = static_cast<int32_t>(0.999 * u * u * u * static_cast<double>(c.arch.vocab_size));
  }
  return tokens;
}

ff::model::Parametrization table_of(const Case& c) {
  return ff::model::make_parametrization(
      c.arch,
      {.name = c.parametrization,
       .alphas = {.attn_softmax = 1.5, .ffn_act = 0.7, .loss_softmax = 1.2}});
}

/// |a - b| / |b|, Euclidean.
double relative(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0.0;
  double size = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / (size + 1e-60));
}

}  // namespace

TEST_CASE("fused gradients are the eager engine's", "[engine]") {
  const bool bf16 = GENERATE(false, true);
  for (unsigned index = 0; index < FF_FUSED_CASES; ++index) {
    const Case c = random_case(index, bf16);
    INFO("case " << index << " " << c.parametrization << (bf16 ? " bf16" : "") << ": d "
                 << c.arch.d_model << " heads " << c.arch.num_heads << " f " << c.arch.d_ff << " L "
                 << c.arch.num_layers << " T " << c.arch.seq_len << " V " << c.arch.vocab_size
                 << " rows " << c.rows);
    const auto p = table_of(c);
    const auto tokens = tokens_of(c, index);
    const Batch batch{tokens, c.rows, c.arch.seq_len};
    // beta1 = 0 leaves the gradient itself in the first moment.
    EngineOptions options{.rotary = index % 7 != 6, .optimizer = {.beta1 = 0.0}};
    const auto eager = make_engine("eager", p, options, index);
    options.bf16_products = bf16;
    options.emulate_bf16 = true;
    const auto fused = make_engine("fused", p, options, index);
    REQUIRE(eager->state().weights == fused->state().weights);
    const auto a = eager->train_step(batch, {.learning_rate = 0.0});
    const auto b = fused->train_step(batch, {.learning_rate = 0.0});
    CHECK(b.loss_nats == Approx(a.loss_nats).epsilon(bf16 ? 1e-2 : 1e-5));
    const auto expected = eager->state().first_moment;
    const auto found = fused->state().first_moment;
    if (bf16) {
      // The other parametrizations start with small embeddings, and their norms enlarge every
      // rounding of a layer before them.
      CHECK(relative(found, expected) <= (c.parametrization == "u-mup" ? 1e-2 : 3e-2));
      continue;
    }
    CHECK(b.grad_rms == Approx(a.grad_rms).epsilon(1e-4));
    size_t offset = 0;
    for (const auto& rule : p.tensors) {
      INFO(rule.name);
      const auto n = static_cast<size_t>(rule.numel());
      const auto part = [&](const std::vector<float>& all) {
        return std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(offset),
                                  all.begin() + static_cast<std::ptrdiff_t>(offset + n));
      };
      CHECK(relative(part(found), part(expected)) <= 1e-5);
      offset += n;
    }
    CHECK(relative(fused->target_losses(batch), eager->target_losses(batch)) <= 1e-5);
  }
}

TEST_CASE("ten fused steps end where ten eager ones do", "[engine]") {
  const bool bf16 = GENERATE(false, true);
  for (const char* name : {"u-mup", "sp"}) {
    const Case c{.arch = {.d_model = 42,
                          .num_layers = 2,
                          .num_heads = 3,
                          .d_ff = 61,
                          .vocab_size = 101,
                          .seq_len = 33},
                 .rows = 61,
                 .parametrization = name};
    const double eta = c.parametrization == "sp" ? 0.01 : 0.5;
    const auto p = table_of(c);
    EngineOptions options{.optimizer = {.eps = 1e-3, .max_grad_rms = 0.9}};
    const auto eager = make_engine("eager", p, options, 3);
    options.bf16_products = bf16;
    options.emulate_bf16 = true;
    const auto fused = make_engine("fused", p, options, 3);
    const auto again = make_engine("fused", p, options, 3);
    for (unsigned step = 0; step < FF_FUSED_STEPS; ++step) {
      again->set_num_threads(1 + step % 4);  // the same bits on any number of threads
      const auto tokens = tokens_of(c, step);
      const Batch batch{tokens, c.rows, c.arch.seq_len};
      const StepOptions how{
          .learning_rate = eta, .weight_decay = 1e-3, .schedule_factor = 1.0 - 0.05 * step};
      const auto a = eager->train_step(batch, how);
      const auto b = fused->train_step(batch, how);
      static_cast<void>(again->train_step(batch, how));
      INFO(name << " step " << step);
      CHECK(b.loss_nats == Approx(a.loss_nats).epsilon(bf16 ? 1e-2 : 1e-4));
    }
    CHECK(relative(fused->state().weights, eager->state().weights) <= (bf16 ? 2e-2 : 1e-3));
    CHECK(fused->state().weights == again->state().weights);
    // A state moves between the engines.
    again->set_state(eager->state());
    CHECK(again->state().weights == eager->state().weights);
    CHECK(again->state().steps == FF_FUSED_STEPS);
  }
}

TEST_CASE("the plain kernels give what the vector ones give", "[engine]") {
  const auto best = instruction_set();
  const Case c{.arch = {.d_model = 20,
                        .num_layers = 2,
                        .num_heads = 2,
                        .d_ff = 27,
                        .vocab_size = 57,
                        .seq_len = 19},
               .rows = 7,
               .parametrization = "mup"};
  const auto tokens = tokens_of(c, 1);
  const Batch batch{tokens, c.rows, c.arch.seq_len};
  const auto gradient = [&](InstructionSet set) {
    limit_instruction_set(set);
    const auto engine = make_engine("fused", table_of(c), {.optimizer = {.beta1 = 0.0}}, 5);
    static_cast<void>(engine->train_step(batch, {}));
    return engine->state().first_moment;
  };
  const auto plain = gradient(InstructionSet::kPlain);
  for (const InstructionSet set : {InstructionSet::kAvx2, InstructionSet::kAvx512}) {
    CHECK(relative(gradient(set), plain) <= 1e-5);
  }
  limit_instruction_set(best);
}

TEST_CASE("what the fused engine cannot do is refused with the reason", "[engine]") {
  CHECK(choose_engine("auto", {}) == "fused");
  CHECK(choose_engine("eager", {}) == "eager");
  CHECK(choose_engine("auto", {.device = "cuda"}) == "eager");
  CHECK_THROWS_WITH(choose_engine("fused", {.device = "cuda"}),
                    ContainsSubstring("on the CPU only"));
  CHECK_THROWS_WITH(choose_engine("eager", {.bf16_products = true}),
                    ContainsSubstring("engine=eager was asked for"));
  const auto best = instruction_set();
  limit_instruction_set(InstructionSet::kAvx2);
  CHECK_THROWS_WITH(choose_engine("auto", {.bf16_products = true}),
                    ContainsSubstring("AVX512_BF16"));
  limit_instruction_set(best);
}
