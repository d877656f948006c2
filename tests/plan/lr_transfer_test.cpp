// SPDX-License-Identifier: MIT
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/plan/sweep.h"
#include "flops_fit/util/error.h"

#include <cmath>

using ff::ConfigError;
using ff::plan::make_plan;
using ff::plan::PlanConfig;

namespace {

PlanConfig transfer_config() {
  PlanConfig config;
  config.sweep.kind = "lr_transfer";
  return config;
}

}  // namespace

TEST_CASE("an lr_transfer plan is every width at every learning rate, ascending", "[plan]") {
  PlanConfig config = transfer_config();
  config.sweep.widths = {64, 16, 32};
  config.sweep.log2_learning_rates = {1, -2, -0.5};
  config.plan.seeds = 2;
  config.plan.first_seed = 7;
  const auto plan = make_plan(config).experiments;
  REQUIRE(plan.size() == 3 * 3 * 2);
  size_t next = 0;
  for (const int64_t width : {16, 32, 64}) {
    for (const double exponent : {-2.0, -0.5, 1.0}) {
      for (const int64_t seed : {7, 8}) {
        const auto& e = plan[next++];
        CHECK(e.architecture->d_model == width);
        CHECK(e.architecture->num_layers == 2);
        CHECK(e.architecture->num_heads == width / 8);
        CHECK(e.learning_rate == std::exp2(exponent));  // exactly: lr_schedule has no say
        CHECK(e.seed == seed);
        CHECK(e.sweep_kind == "lr_transfer");
        CHECK(e.experiment_id == fmt::format("exp_{:04}", next - 1));
      }
    }
  }
}

TEST_CASE("all runs of an lr_transfer plan see the same batches", "[plan]") {
  PlanConfig config = transfer_config();
  config.sweep.num_tokens = 1e6;
  const auto plan = make_plan(config).experiments;
  REQUIRE(plan.size() == 28);
  for (const auto& e : plan) {
    CHECK(e.num_tokens == plan[0].num_tokens);
    CHECK(e.batch_size == plan[0].batch_size);
    CHECK(e.num_steps == plan[0].num_steps);
    CHECK(e.warmup_steps == plan[0].warmup_steps);
    CHECK(e.seed == plan[0].seed);
    // What the run itself spends, counted again from its shape.
    CHECK(e.compute_budget == e.planned_flops);
    CHECK(e.planned_flops == Approx(ff::cost::train_flops_per_token(*e.architecture) *
                                    static_cast<double>(e.num_tokens)));
  }
  CHECK(std::abs(static_cast<double>(plan[0].num_tokens) / 1e6 - 1.0) <= 0.01);
  CHECK(plan[0].batch_size == 4);  // sweep.batch_tokens=256, in rows of 64
}

TEST_CASE("the table of an lr_transfer plan shows the learning rates", "[plan]") {
  const PlanConfig config = transfer_config();
  const std::string text = describe(make_plan(config), config);
  CHECK_THAT(text, ContainsSubstring(" eta "));
  CHECK_THAT(text, ContainsSubstring(" 0.125 "));
  const PlanConfig isoflop;
  CHECK_THAT(describe(make_plan(isoflop), isoflop), !ContainsSubstring(" eta "));
}

TEST_CASE("sweep.json of an lr_transfer plan round trips", "[plan][io]") {
  const ff::test::TemporaryFolder folder;
  PlanConfig config = transfer_config();
  config.output.sweep_path = (folder / "sweep.json").string();
  config.hardware.predict_time = "off";
  const std::string json = ff::plan::run_plan(config, {.as_json = true});
  CHECK_THAT(json, ContainsSubstring("\"sweep_kind\": \"lr_transfer\""));
  const auto read = ff::io::read_sweep(folder / "sweep.json");
  const auto plan = make_plan(config).experiments;
  REQUIRE(read.size() == plan.size());
  for (size_t i = 0; i < read.size(); ++i) {
    CHECK(read[i].sweep_kind == "lr_transfer");
    CHECK(ff::io::to_json(read[i]) == ff::io::to_json(plan[i]));
  }
  config.sweep.kind = "isoflop";
  CHECK_THAT(ff::plan::run_plan(config, {.as_json = true}), !ContainsSubstring("sweep_kind"));
}

TEST_CASE("impossible lr_transfer plans are refused with the rule and the remedy", "[plan]") {
  PlanConfig config = transfer_config();
  const auto refused = [&](const std::string& expected) {
    CHECK_THROWS_AS(make_plan(config), ConfigError);
    CHECK_THROWS_WITH(make_plan(config), ContainsSubstring(expected));
  };
  SECTION("one width") {
    config.sweep.widths = {32};
    refused("sweep.widths: 1 value, and an lr_transfer sweep needs at least 2");
  }
  SECTION("two learning rates") {
    config.sweep.log2_learning_rates = {0, 1};
    refused("sweep.log2_learning_rates: 2 values, and an lr_transfer sweep needs at least 3");
  }
  SECTION("the same width twice") {
    config.sweep.widths = {32, 64, 32};
    refused("sweep.widths: 32 stands there twice");
  }
  SECTION("the same learning rate twice") {
    config.sweep.log2_learning_rates = {0, 1, 2, 1};
    refused("sweep.log2_learning_rates: 1 stands there twice");
  }
  SECTION("a width that heads do not divide") {
    config.sweep.widths = {32, 36};
    refused("sweep.widths: 36 is not a multiple of model.head_size=8");
  }
  SECTION("heads that rotary positions cannot turn") {
    config.model.head_size = 7;
    refused("model.head_size=7 is odd");
  }
  SECTION("no depth") {
    config.model.num_layers.reset();
    refused("model.num_layers=null");
  }
  SECTION("abstract sizes") {
    config.model.shapes = "none";
    refused("model.shapes=none");
  }
  SECTION("a handful of steps") {
    config.sweep.num_tokens = 2560;
    refused("10 steps, fewer than schedule.min_steps=20");
  }
}

TEST_CASE("keys of the other kind of sweep are refused, not ignored", "[plan]") {
  PlanConfig config = transfer_config();
  SECTION("IsoFLOP keys in an lr_transfer sweep") {
    config.plan.widths = {{16, 32}};
    config.lr_schedule.base_lr = 0.5;
    CHECK_THROWS_AS(make_plan(config), ConfigError);
    CHECK_THROWS_WITH(
        make_plan(config),
        ContainsSubstring("plan.widths, lr_schedule: no effect with sweep.kind=lr_transfer"));
  }
  SECTION("keys that both kinds have") {
    config.compute.tolerance = 0.02;
    config.compute.flops_formula = "6nd";
    config.model.num_layers = 3;
    config.schedule.batch_size = 16;
    config.plan.seeds = 2;
    CHECK_NOTHROW(make_plan(config));
  }
  SECTION("lr_transfer keys in an IsoFLOP sweep") {
    config.sweep.kind = "isoflop";
    CHECK_NOTHROW(make_plan(config));
    config.sweep.widths = {32, 64};
    CHECK_THROWS_AS(make_plan(config), ConfigError);
    CHECK_THROWS_WITH(make_plan(config),
                      ContainsSubstring("sweep.widths: no effect with sweep.kind=isoflop; set "
                                        "sweep.kind=lr_transfer"));
  }
}
