// SPDX-License-Identifier: MIT
#include "flops_fit/engine/engine.h"

#include "support/catch.h"

#include "flops_fit/util/error.h"

#include <cmath>
#include <map>
#include <random>

using namespace ff::engine;

namespace {

const ff::cost::Architecture kArch{
    .d_model = 16, .num_layers = 2, .num_heads = 2, .d_ff = 32, .vocab_size = 31, .seq_len = 12};

std::vector<int32_t> tokens_of(int64_t rows, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> tokens(static_cast<size_t>(rows * (kArch.seq_len + 1)));
  for (int32_t& token : tokens) {
    token = static_cast<int32_t>(random() % 31);
  }
  return tokens;
}

std::unique_ptr<Engine> make(const std::string& parametrization, OptimizerOptions optimizer = {}) {
  return make_eager_engine(ff::model::make_parametrization(kArch, {.name = parametrization}),
                           {.optimizer = optimizer},
                           7);
}

}  // namespace

TEST_CASE("a batch in parts makes the same update as the batch at once", "[engine]") {
  const std::string parametrization = GENERATE("u-mup", "sp");
  // A large eps makes Adam depend on the gradient's scale, so that a wrong weight of the parts
  // shows.
  const auto whole = make(parametrization, {.eps = 1.0});
  const auto parts = make(parametrization, {.eps = 1.0});
  const auto tokens = tokens_of(7, 1);  // 7 rows in 3 parts: 3, 2, 2
  const Batch batch{tokens, 7, kArch.seq_len};
  for (int step = 0; step < 3; ++step) {
    const auto a = whole->train_step(batch, {.learning_rate = 0.5});
    const auto b = parts->train_step(batch, {.learning_rate = 0.5, .micro_batches = 3});
    CHECK(a.loss_nats == Approx(b.loss_nats).epsilon(1e-5));
    CHECK(a.grad_rms == Approx(b.grad_rms).epsilon(1e-4));
  }
  const auto a = whole->state().weights;
  const auto b = parts->state().weights;
  for (size_t i = 0; i < a.size(); i += 17) {
    CHECK(a[i] == Approx(b[i]).margin(2e-4));
  }
}

TEST_CASE("training is bit-identical when repeated, and from a saved state", "[engine]") {
  const auto tokens = tokens_of(5, 2);
  const Batch batch{tokens, 5, kArch.seq_len};
  const auto train = [&](Engine& engine, int steps) {
    for (int step = 0; step < steps; ++step) {
      static_cast<void>(engine.train_step(batch, {.learning_rate = 0.3, .weight_decay = 1e-3}));
    }
    return engine.state().weights;
  };
  const auto straight = train(*make("u-mup"), 6);
  CHECK(train(*make("u-mup"), 6) == straight);
  const auto first = make("u-mup");
  train(*first, 3);
  const auto second = make("u-mup");
  second->set_state(first->state());
  CHECK(train(*second, 3) == straight);
}

TEST_CASE("a model learns one batch by heart", "[engine]") {
  const auto engine = make("u-mup");
  const auto tokens = tokens_of(4, 3);
  const Batch batch{tokens, 4, kArch.seq_len};
  const double before = engine->train_step(batch, {.learning_rate = 0.5}).loss_nats;
  CHECK(before == Approx(std::log(31.0)).epsilon(0.15));
  double after = before;
  for (int step = 0; step < 200; ++step) {
    after = engine->train_step(batch, {.learning_rate = 0.5}).loss_nats;
  }
  CHECK(after < 0.5);
  const auto losses = engine->target_losses(batch);
  REQUIRE(losses.size() == 48);
  double mean = 0.0;
  for (const float loss : losses) {
    mean += static_cast<double>(loss) / 48.0;
  }
  CHECK(mean < after + 0.05);
}

TEST_CASE("clipping bounds the gradient's root mean square", "[engine]") {
  // With eps huge Adam's step is proportional to the gradient, so the clipped step is smaller.
  const auto tokens = tokens_of(4, 4);
  const Batch batch{tokens, 4, kArch.seq_len};
  const auto moved = [&](double clip) {
    const auto engine = make("u-mup", {.eps = 1e6, .max_grad_rms = clip});
    const auto before = engine->state().weights;
    const double rms = engine->train_step(batch, {.learning_rate = 1e6}).grad_rms;
    const auto after = engine->state().weights;
    double sum = 0.0;
    for (size_t i = 0; i < before.size(); ++i) {
      sum += std::pow(after[i] - before[i], 2);
    }
    return std::pair{std::sqrt(sum), rms};
  };
  const auto [free, rms] = moved(0.0);
  CHECK(moved(rms / 4).first == Approx(free / 4).epsilon(1e-3));
  CHECK(moved(rms * 4).first == Approx(free).epsilon(1e-6));
}

TEST_CASE("a schedule scales every tensor's step alike", "[engine]") {
  // P3 of umup.md: no scheduler can overwrite the tensors' own learning rates.
  const std::string name = GENERATE("u-mup", "mup-legacy");
  const auto tokens = tokens_of(4, 5);
  const Batch batch{tokens, 4, kArch.seq_len};
  const auto steps_of = [&](double factor) {
    const auto engine = make(name);
    const auto before = engine->state().weights;
    engine->train_step(batch, {.learning_rate = 0.25, .schedule_factor = factor});
    auto step = engine->state().weights;
    for (size_t i = 0; i < step.size(); ++i) {
      step[i] -= before[i];
    }
    return step;
  };
  const auto full = steps_of(1.0);
  const auto quarter = steps_of(0.25);
  for (size_t i = 0; i < full.size(); i += 7) {
    CHECK(quarter[i] == Approx(full[i] / 4).epsilon(1e-3).margin(1e-6));
  }
}

TEST_CASE("weight decay is what the table says", "[engine]") {
  // With the learning-rate multipliers at 0 a step does nothing but decay.
  const ff::model::LrMultipliers none{.embedding = 0, .hidden = 0, .norm = 0, .output = 0};
  const auto tokens = tokens_of(4, 6);
  const auto kept = [&](const std::string& name, double eta) {
    const auto p = ff::model::make_parametrization(kArch, {.name = name, .lr = none});
    const auto engine = make_eager_engine(p, {}, 7);
    const auto before = engine->state().weights;
    engine->train_step({tokens, 4, kArch.seq_len},
                       {.learning_rate = eta, .weight_decay = 0.25, .schedule_factor = 0.5});
    const auto after = engine->state().weights;
    std::map<ff::model::TensorType, double> share;  // of the first weight of the type's last tensor
    size_t offset = 0;
    for (const auto& rule : p.tensors) {
      if (before[offset] != 0.0F) {
        share[rule.type] = static_cast<double>(after[offset] / before[offset]);
      }
      offset += static_cast<size_t>(rule.numel());
    }
    return share;
  };
  using ff::model::TensorType;
  for (const double eta : {0.1, 0.8}) {
    // u-mup: lambda times the schedule's factor, whatever the learning rate.
    for (const auto& [type, share] : kept("u-mup", eta)) {
      CHECK(share == Approx(1.0 - 0.25 * 0.5).epsilon(1e-6));
    }
    for (const auto& [type, share] : kept("sp", eta)) {
      CHECK(share == Approx(1.0 - 0.25 * 0.5 * eta).epsilon(1e-6));
    }
    auto legacy = kept("mup-legacy", eta);
    CHECK(legacy[TensorType::kHidden] == Approx(1.0 - 0.25 * 0.5 * eta / 32).epsilon(1e-6));
    CHECK(legacy[TensorType::kEmbedding] == 1.0);
    CHECK(legacy[TensorType::kNorm] == 1.0);
  }
}

TEST_CASE("cuda is refused with what is missing where there is none", "[engine]") {
  if (resolve_device("auto") == "cpu") {
    CHECK_THROWS_WITH(resolve_device("cuda"), ContainsSubstring("hardware.device=cpu"));
    CHECK_THROWS_AS(resolve_device("cuda"), ff::ConfigError);
  }
  CHECK(resolve_device("cpu") == "cpu");
}
