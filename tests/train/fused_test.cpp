// SPDX-License-Identifier: MIT
// The fused engine against the eager one: every gradient, and ten training steps, over random
// shapes.
#include "support/catch.h"

#include "flops_fit/engine/engine.h"
#include "flops_fit/util/error.h"

#include <cmath>
#include <numeric>
#include <random>

using namespace ff::engine;

namespace {

struct Case {
  ff::cost::Architecture arch;
  int64_t rows = 1;
  std::string parametrization;
};

Case random_case(unsigned index) {
  std::mt19937 random(index);
  const auto pick = [&](std::initializer_list<int64_t> values) {
    return values.begin()[random() % values.size()];
  };
  const int64_t head = pick({2, 4, 8, 16, 24});
  const int64_t heads = 8 * pick({1, 2, 3}) / std::gcd(int64_t{8}, head);  // widths in eights
  return {.arch = {.d_model = head * heads,
                   .num_layers = pick({1, 2, 3}),
                   .num_heads = heads,
                   .d_ff = pick({8, 24, 40, 96}),
                   .vocab_size = pick({8, 24, 104, 520}),
                   .seq_len = pick({1, 2, 7, 8, 33, 64})},
          .rows = pick({1, 3, 10, 33}),
          .parametrization = index % 3 == 0 ? "sp" : "u-mup"};
}

std::vector<int32_t> tokens_of(const Case& c, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> tokens(static_cast<size_t>(c.rows * (c.arch.seq_len + 1)));
  for (int32_t& token : tokens) {
    token = static_cast<int32_t>(random() % static_cast<uint32_t>(c.arch.vocab_size));
  }
  return tokens;
}

ff::model::Parametrization table_of(const Case& c) {
  return ff::model::make_parametrization(
      c.arch,
      {.name = c.parametrization,
       .alphas = {.attn_softmax = 1.5, .ffn_act = 0.7, .loss_softmax = 1.2},
       .norm_gain = false});
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
  for (unsigned index = 0; index < 50; ++index) {
    const Case c = random_case(index);
    INFO("case " << index << " " << c.parametrization << ": d " << c.arch.d_model << " heads "
                 << c.arch.num_heads << " f " << c.arch.d_ff << " L " << c.arch.num_layers << " T "
                 << c.arch.seq_len << " V " << c.arch.vocab_size << " rows " << c.rows);
    const auto p = table_of(c);
    REQUIRE(choose_engine("auto", p, {}) == "fused");
    const auto tokens = tokens_of(c, index);
    const Batch batch{tokens, c.rows, c.arch.seq_len};
    // beta1 = 0 leaves the gradient itself in the first moment.
    const EngineOptions options{.optimizer = {.beta1 = 0.0}};
    const auto eager = make_engine("eager", p, options, index);
    const auto fused = make_engine("fused", p, options, index);
    REQUIRE(eager->state().weights == fused->state().weights);
    const auto a = eager->train_step(batch, {.learning_rate = 0.0});
    const auto b = fused->train_step(batch, {.learning_rate = 0.0});
    CHECK(b.loss_nats == Approx(a.loss_nats).epsilon(1e-5));
    CHECK(b.grad_rms == Approx(a.grad_rms).epsilon(1e-4));
    const auto expected = eager->state().first_moment;
    const auto found = fused->state().first_moment;
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
  for (const char* name : {"u-mup", "sp"}) {
    const Case c{.arch = {.d_model = 24,
                          .num_layers = 2,
                          .num_heads = 3,
                          .d_ff = 40,
                          .vocab_size = 104,
                          .seq_len = 33},
                 .rows = 21,
                 .parametrization = name};
    const double eta = c.parametrization == "sp" ? 0.01 : 0.5;
    const auto p = table_of(c);
    const EngineOptions options{.optimizer = {.eps = 1e-3, .max_grad_rms = 0.9}};
    const auto eager = make_engine("eager", p, options, 3);
    const auto fused = make_engine("fused", p, options, 3);
    const auto again = make_engine("fused", p, options, 3);
    for (unsigned step = 0; step < 10; ++step) {
      const auto tokens = tokens_of(c, step);
      const Batch batch{tokens, c.rows, c.arch.seq_len};
      const StepOptions how{
          .learning_rate = eta, .weight_decay = 1e-3, .schedule_factor = 1.0 - 0.05 * step};
      const auto a = eager->train_step(batch, how);
      const auto b = fused->train_step(batch, how);
      static_cast<void>(again->train_step(batch, how));
      INFO(name << " step " << step);
      CHECK(b.loss_nats == Approx(a.loss_nats).epsilon(1e-4));
    }
    CHECK(relative(fused->state().weights, eager->state().weights) <= 1e-3);
    CHECK(fused->state().weights == again->state().weights);
    // A state moves between the engines.
    again->set_state(eager->state());
    CHECK(again->state().weights == eager->state().weights);
    CHECK(again->state().steps == 10);
  }
}

TEST_CASE("a model that the fused engine cannot train is refused with the reason", "[engine]") {
  Case c = random_case(1);
  c.arch.vocab_size = 27;
  const auto p = table_of(c);
  CHECK(choose_engine("auto", p, {}) == "eager");
  CHECK_THROWS_AS(choose_engine("fused", p, {}), ff::ConfigError);
  CHECK_THROWS_WITH(choose_engine("fused", p, {}), ContainsSubstring("output is 27 x"));
  const auto gains = ff::model::make_parametrization(random_case(1).arch, {.norm_gain = true});
  CHECK_THROWS_WITH(choose_engine("fused", gains, {}), ContainsSubstring("norm_gain=false"));
}
