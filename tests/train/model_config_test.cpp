// SPDX-License-Identifier: MIT
// The Python tool's keys (umup.md 1.8), and model.* beside a plan.
#include "flops_fit/train/model_config.h"

#include "support/catch.h"

#include "flops_fit/util/error.h"

#include <cmath>

using namespace ff::train;

TEST_CASE("the Python tool's tuning is converted for u-mup, with a word for each key", "[train]") {
  TrainConfig config;
  config.trainer.learning_rate = 3e-4;
  config.trainer.weight_decay = 0.1;
  config.umup.base_width = 32;
  config.umup.base_width_wd = 1024;
  config.umup.base_std = 0.02;
  config.umup.no_decay_lr_mult = 0.1;
  const Tuning tuning = tuning_of(config, 0.85, 6);
  CHECK(tuning.learning_rate == Approx(3e-4 * 32 * std::sqrt(6.0)));  // .0235
  CHECK(tuning.weight_decay == Approx(3e-4 * 0.1 / 32));              // 9.4e-7 per step
  const auto options = parametrization_options(config);
  CHECK(options.lr.embedding == 0.1);
  CHECK(options.lr.norm == 0.1);
  CHECK(options.lr.hidden == 1.0);
  const auto notes = conversion_notes(config);
  REQUIRE(notes.size() == 4);
  for (size_t i = 0; i < 4; ++i) {
    const char* keys[] = {
        "umup.base_std", "umup.base_width:", "umup.base_width_wd", "umup.no_decay_lr_mult"};
    CHECK_THAT(notes[i], ContainsSubstring(keys[i]));
  }
  // The same keys are mup-legacy's own: nothing to convert.
  config.model.parametrization = "mup-legacy";
  CHECK(tuning_of(config, 0.85, 6).learning_rate == 3e-4);
  CHECK(tuning_of(config, 0.85, 6).weight_decay == 0.1);
  const auto p = ff::model::make_parametrization(
      {.d_model = 64, .num_layers = 6, .num_heads = 4, .d_ff = 256, .vocab_size = 99, .seq_len = 8},
      parametrization_options(config));
  CHECK(p.tensor("embedding").lr == Approx(0.1));
  CHECK(p.tensor("layers.3.mlp_norm").lr == Approx(0.1));
  CHECK(p.tensor("layers.3.down").lr == Approx(32.0 / 256));
  CHECK(p.tensor("layers.3.down").init_std == Approx(0.02 / 16));
  CHECK(p.tensor("layers.3.down").weight_decay == Approx(32.0 / 1024));
  CHECK(p.tensor("output").init_std == 0.0);
  CHECK(p.tensor("embedding").weight_decay == 0.0);
}

TEST_CASE("a planned learning rate is never converted", "[train]") {
  CHECK(tuning_of(TrainConfig{}, 0.85, 6).learning_rate == 0.85);
  TrainConfig config;
  config.trainer.learning_rate = 0.5;
  CHECK(tuning_of(config, 0.85, 6).learning_rate == 0.5);
}

TEST_CASE("keys that a parametrization does not have are refused", "[train]") {
  const auto refuses = [](auto&& change, const std::string& text) {
    TrainConfig config;
    change(config);
    const ff::cost::Architecture arch{
        .d_model = 16, .num_layers = 1, .num_heads = 2, .d_ff = 32, .vocab_size = 9, .seq_len = 4};
    CHECK_THROWS_WITH(ff::model::make_parametrization(arch, parametrization_options(config)),
                      ContainsSubstring(text));
    CHECK_THROWS_AS(ff::model::make_parametrization(arch, parametrization_options(config)),
                    ff::ConfigError);
  };
  refuses([](TrainConfig& c) { c.umup.base_width = 32; }, "umup.base_width: u-mup has no");
  refuses([](TrainConfig& c) { c.umup.base_width_wd = 32; }, "umup.base_width_wd: u-mup's");
  refuses(
      [](TrainConfig& c) {
        c.umup.no_decay_lr_mult = 0.1;
        c.lr_mult.embedding = 2;
      },
      "lr_mult.embedding");
  for (const char* name : {"sp", "mup", "mup-legacy"}) {
    refuses(
        [&](TrainConfig& c) {
          c.model.parametrization = name;
          c.umup.alpha_res = 2;
        },
        std::string("umup.alpha_res: ") + name + " has no residual scale");
    refuses(
        [&](TrainConfig& c) {
          c.model.parametrization = name;
          c.umup.mlp_constraint = "to_output_scale";
        },
        "umup.mlp_constraint");
  }
  refuses(
      [](TrainConfig& c) {
        c.umup.enabled = false;
        c.umup.base_std = 0.02;
      },
      "umup.base_std: sp has no base");
  refuses([](TrainConfig& c) { c.model.parametrization = "ntk"; }, "choose one of u-mup, mup, sp");
}

TEST_CASE("at the base width mup starts and learns as sp does", "[train]") {
  const ff::cost::Architecture arch{
      .d_model = 32, .num_layers = 2, .num_heads = 2, .d_ff = 96, .vocab_size = 99, .seq_len = 8};
  const auto sp = ff::model::make_parametrization(arch, {.name = "sp"});
  const auto mup = ff::model::make_parametrization(arch, {.name = "mup", .base_width = 32});
  REQUIRE(sp.tensors.size() == mup.tensors.size());
  for (size_t i = 0; i < sp.tensors.size(); ++i) {
    INFO(sp.tensors[i].name);
    CHECK(mup.tensors[i].init_std == Approx(sp.tensors[i].init_std));
    CHECK(mup.tensors[i].lr == sp.tensors[i].lr);
    CHECK(mup.tensors[i].forward == sp.tensors[i].forward);
  }
  // Four times as wide: hidden weights start half as large and learn a quarter as fast.
  ff::cost::Architecture wide = arch;
  wide.d_model *= 4;
  wide.d_ff *= 4;
  wide.num_heads *= 4;
  const auto wider = ff::model::make_parametrization(wide, {.name = "mup", .base_width = 32});
  CHECK(wider.tensor("layers.1.down").init_std == Approx(mup.tensor("layers.1.down").init_std / 2));
  CHECK(wider.tensor("layers.1.down").lr == 0.25);
  CHECK(wider.tensor("output").forward == 0.25);
  CHECK(wider.tensor("output").init_std == mup.tensor("output").init_std);
  CHECK(wider.tensor("embedding").lr == 1.0);
}

TEST_CASE("model.* is compared with the plan", "[train]") {
  const ff::cost::Architecture planned{
      .d_model = 64, .num_layers = 2, .num_heads = 8, .d_ff = 256, .vocab_size = 99, .seq_len = 8};
  CHECK_NOTHROW(check_shape({}, planned, "exp"));
  CHECK_NOTHROW(check_shape(
      {.d_model = 64, .num_layers = 2, .head_size = 8, .ffn_ratio = 4.0}, planned, "exp"));
  CHECK_THROWS_WITH(check_shape({.num_layers = 3}, planned, "exp_0001"),
                    ContainsSubstring("model.num_layers=3: exp_0001 has 2"));
  CHECK_THROWS_WITH(check_shape({.ffn_ratio = 2.0}, planned, "exp_0001"),
                    ContainsSubstring("model.ffn_ratio=2: exp_0001 has d_ff 256"));
}
