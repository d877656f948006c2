// SPDX-License-Identifier: MIT
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/data/dataset.h"
#include "flops_fit/plan/predict.h"
#include "flops_fit/plan/schedule.h"
#include "flops_fit/plan/shapes.h"
#include "flops_fit/plan/sweep.h"
#include "flops_fit/util/error.h"

#include <cmath>
#include <map>
#include <set>

using ff::ConfigError;
using ff::plan::make_plan;
using ff::plan::Plan;
using ff::plan::PlanConfig;

namespace {

std::map<double, std::vector<ff::io::Experiment>> by_budget(const Plan& plan) {
  std::map<double, std::vector<ff::io::Experiment>> budgets;
  for (const auto& e : plan.experiments) {
    budgets[e.compute_budget].push_back(e);
  }
  return budgets;
}

}  // namespace

TEST_CASE("every experiment spends its budget within one per cent", "[plan]") {
  PlanConfig config;
  config.compute.budgets = {3e10, 1e11, 1e12, 1e13, 3e14};
  config.compute.num_model_sizes = 7;
  for (const auto& e : make_plan(config).experiments) {
    INFO(e.experiment_id << " d_model " << e.architecture->d_model);
    // Counted again from the shape and the schedule, not from the plan's own totals.
    const double tokens = static_cast<double>(e.batch_size * e.num_steps * e.architecture->seq_len);
    const double flops = ff::cost::train_flops_per_token(*e.architecture) * tokens;
    CHECK(std::abs(flops / e.compute_budget - 1.0) <= 0.01);
    CHECK(e.planned_flops == Approx(flops));
    CHECK(static_cast<double>(e.num_tokens) == tokens);
    CHECK(e.architecture->d_model == e.architecture->num_heads * 8);
  }
}

TEST_CASE("sizes bracket the expected optimum of each budget", "[plan]") {
  PlanConfig config;
  config.compute.budgets = {1e12, 1e13, 1e14};
  const Plan plan = make_plan(config);
  CHECK(plan.warnings.empty());
  for (const auto& [budget, points] : by_budget(plan)) {
    const double optimum = ff::plan::expected_optimum(budget, config.plan.prior);
    int below = 0;
    std::set<int64_t> sizes;
    for (const auto& e : points) {
      below += static_cast<double>(e.model_size) < optimum ? 1 : 0;
      sizes.insert(e.model_size);
    }
    CHECK(sizes.size() == points.size());  // duplicates removed
    CHECK(below >= 2);
    CHECK(static_cast<int>(points.size()) - below >= 2);
  }
}

TEST_CASE("the measured optimum of the built-in corpus is the default prior", "[plan]") {
  CHECK(ff::plan::expected_optimum(1e12, {}) == Approx(4.9e4));
  CHECK(ff::plan::expected_optimum(1e11, {}) == Approx(4.9e4 * std::pow(0.1, 0.402)));
  CHECK(ff::plan::expected_optimum(6e12, {.tokens_per_param = 100.0}) == Approx(1e5));
  CHECK(ff::plan::expected_optimum(1e4, {.coefficient = 2.0, .exponent = 0.5}) == Approx(200.0));
}

TEST_CASE("the shape search finds the nearest width", "[plan]") {
  PlanConfig config;
  // Two blocks: N = 32 d^2 + 488 d. d = 40 gives 70,720 and d = 48 gives 97,152.
  CHECK(ff::plan::find_shape(70'000, 488, config)->d_model == 40);
  CHECK(ff::plan::find_shape(82'000, 488, config)->d_model == 40);  // ln-distance .148 against .170
  CHECK(ff::plan::find_shape(84'000, 488, config)->d_model == 48);
  config.architecture.head_options = {2, 4};
  CHECK(ff::plan::find_shape(1e9, 488, config)->num_heads == 4);
  config.architecture.head_options = {};
  config.model.num_layers.reset();
  config.model.head_size = 64;
  config.architecture.d_model_multiple = 64;
  for (const double target : {1e8, 7e8, 7e9, 7e10}) {
    const auto shape = *ff::plan::find_shape(target, 32768, config);
    const double n = static_cast<double>(ff::cost::count_params(shape).matmul);
    CHECK(std::abs(std::log(n / target)) < 0.05);
    const double aspect =
        static_cast<double>(shape.d_model) / static_cast<double>(shape.num_layers);
    CHECK(aspect > 32);
    CHECK(aspect < 256);
  }
}

TEST_CASE("batch and steps follow the measured rule", "[plan]") {
  const PlanConfig config;
  const auto run = ff::plan::make_run_length(3.2e6, config);
  // 0.3 D^0.571 = 1553 tokens, 24 rows of 64.
  CHECK(run.batch_size == 24);
  CHECK(run.num_steps == 2083);
  CHECK(run.warmup_steps == 208);
  CHECK(ff::plan::make_run_length(1e5, config).batch_size == 8);     // floor: 512 tokens
  CHECK(ff::plan::make_run_length(1e10, config).batch_size == 128);  // ceiling: 8192 tokens
  const auto by_size =
      ff::plan::LrSchedule{.base_lr = 3e-4, .base_size = 1e7, .lr_power = 0.1, .steps_power = 0.0};
  CHECK(ff::plan::learning_rate(1e6, 9000, by_size) == Approx(3e-4 * std::pow(10.0, 0.1)));
  CHECK(ff::plan::learning_rate(1e5, 1500, {}) == Approx(0.85));
  CHECK(ff::plan::learning_rate(1e7, 3000, {}) == Approx(0.85 * std::pow(2.0, -0.3)));
  CHECK(ff::plan::learning_rate(1e5, 0, {}) == Approx(0.85));
}

TEST_CASE("the Python tool's plan is reproduced number for number", "[plan]") {
  PlanConfig config;
  config.compute = {.min_flops = 1e12,
                    .max_flops = 3e14,
                    .num_budgets = 6,
                    .num_model_sizes = 8,
                    .flops_formula = "6nd",
                    .min_tokens_per_param = 0.1};
  config.plan.sizes = "grid";
  config.model.shapes = "none";
  config.model.min_size = 5e5;
  config.model.max_size = 5e7;
  const auto expected =
      ff::io::read_sweep(ff::test::source_dir() / "tests/golden/python_original/sweep.json");
  const auto planned = make_plan(config).experiments;
  REQUIRE(planned.size() == expected.size());
  for (size_t i = 0; i < planned.size(); ++i) {
    CHECK(planned[i].experiment_id == expected[i].experiment_id);
    CHECK(planned[i].model_size == expected[i].model_size);
    CHECK(planned[i].num_tokens == expected[i].num_tokens);
    CHECK(planned[i].compute_budget == Approx(expected[i].compute_budget).epsilon(1e-12));
    CHECK(planned[i].tokens_per_param == Approx(expected[i].tokens_per_param).epsilon(1e-12));
  }
}

TEST_CASE("seeds and model.count do what they say", "[plan]") {
  PlanConfig config;
  config.compute.budgets = {1e11};
  config.plan.widths = {{16, 24, 32}};
  config.plan.seeds = 2;
  config.plan.first_seed = 5;
  config.model.count = "non_embedding";
  const auto plan = make_plan(config).experiments;
  REQUIRE(plan.size() == 6);
  CHECK(plan[0].seed == 5);
  CHECK(plan[1].seed == 6);
  CHECK(plan[0].model_size == 32 * 16 * 16);
  CHECK(plan[0].model_size == plan[0].params->non_embedding);
}

TEST_CASE("impossible plans are refused with the rule and the remedy", "[plan]") {
  PlanConfig config;
  SECTION("budgets upside down") {
    config.compute.min_flops = 1e13;
    CHECK_THROWS_WITH(make_plan(config), ContainsSubstring("compute.min_flops=1e13 is above"));
  }
  SECTION("sizes upside down") {
    config.model.min_size = 1e9;
    config.model.max_size = 1e6;
    CHECK_THROWS_WITH(make_plan(config), ContainsSubstring("model.min_size=1e9 is above"));
  }
  SECTION("no size fits") {
    config.model.min_size = 1e9;
    CHECK_THROWS_WITH(make_plan(config), ContainsSubstring("no model size is left at budget 1e11"));
  }
  SECTION("a budget of a handful of tokens") {
    config.compute.budgets = {1e7};
    CHECK_THROWS_AS(make_plan(config), ConfigError);
  }
  SECTION("widths for other budgets") {
    config.plan.widths = {{16}};
    CHECK_THROWS_WITH(make_plan(config), ContainsSubstring("1 lists for 4 budgets"));
  }
  SECTION("a width that heads do not divide") {
    config.plan.widths = {{16}, {16}, {16}, {20}};
    CHECK_THROWS_WITH(make_plan(config), ContainsSubstring("20 is not a multiple"));
  }
  SECTION("heads that rotary positions cannot turn") {
    config.model.head_size = 7;
    CHECK_THROWS_WITH(make_plan(config), ContainsSubstring("model.head_size=7 is odd"));
  }
  SECTION("the same budget twice") {
    config.compute.budgets = {1e11, 1e11};
    CHECK_THROWS_WITH(make_plan(config), ContainsSubstring("stands there twice"));
  }
}

TEST_CASE("a failed plan leaves the old one as it was", "[plan]") {
  const ff::test::TemporaryFolder folder;
  PlanConfig config;
  config.output.sweep_path = (folder / "sweep.json").string();
  ff::test::write_text(folder / "sweep.json", "old");
  config.model.min_size = 1e9;
  CHECK_THROWS_AS(ff::plan::run_plan(config, {}), ConfigError);
  CHECK(std::filesystem::file_size(folder / "sweep.json") == 3);
}

TEST_CASE("sweep.json round trips", "[plan][io]") {
  const ff::test::TemporaryFolder folder;
  PlanConfig config;
  config.output.sweep_path = (folder / "sweep.json").string();
  config.hardware.predict_time = "off";
  CHECK_THAT(ff::plan::run_plan(config, {}), ContainsSubstring("experiments"));
  const auto read = ff::io::read_sweep(folder / "sweep.json");
  const auto plan = make_plan(config).experiments;
  REQUIRE(read.size() == plan.size());
  for (size_t i = 0; i < read.size(); ++i) {
    CHECK(ff::io::to_json(read[i]) == ff::io::to_json(plan[i]));
  }
}

TEST_CASE("a run's predicted time is its tokens times the measured seconds per token", "[plan]") {
  PlanConfig config;
  config.compute.budgets = {1e11};
  config.plan.widths = {{8, 16, 24}};
  config.plan.seeds = 2;
  Plan plan = make_plan(config);
  CHECK_FALSE(plan.prediction);
  CHECK_THAT(ff::plan::describe(plan, config), !ContainsSubstring("cores"));
  const auto measure = [](const ff::engine::SpeedShape& shape, int64_t) {
    return ff::cost::TokenSeconds{.train = 1e-6 * static_cast<double>(shape.arch.d_model),
                                  .evaluate = 1e-7 * static_cast<double>(shape.arch.d_model)};
  };
  ff::plan::predict_times(plan, config, 100'000, {.threads = 2, .measure = measure});
  REQUIRE(plan.prediction);
  CHECK(plan.prediction->models_measured == 3);  // a seed is no other model
  const auto evaluated = static_cast<double>(ff::plan::evaluated_tokens(config.dataset, 100'000));
  // 2,109 rows of 64 hold 100,000 scored tokens of zipf-stories.
  CHECK(evaluated == Approx(134976).epsilon(0.01));
  for (const auto& e : plan.experiments) {
    const auto d = static_cast<double>(e.architecture->d_model);
    CHECK(e.predicted_seconds ==
          Approx(ff::cost::kRunStartSeconds + 1e-6 * d * static_cast<double>(e.num_tokens) +
                 1e-7 * d * evaluated));
  }
  config.hardware.num_threads = 2;
  CHECK_THAT(ff::plan::describe(plan, config),
             ContainsSubstring("on 2 cores (speed measured on this machine)"));
  config.hardware.num_threads = 6;
  CHECK_THAT(ff::plan::describe(plan, config),
             ContainsSubstring("on 6 cores (speed measured on 2 here)"));
}

TEST_CASE("hardware.predict_time=off measures nothing and writes no time", "[plan]") {
  const ff::test::TemporaryFolder folder;
  PlanConfig config;
  config.output.sweep_path = (folder / "sweep.json").string();
  config.hardware.predict_time = "off";
  ff::plan::RunPlanOptions options{.speed = {.cache = folder / "speed.json"}};
  options.speed.measure = [](const ff::engine::SpeedShape&, int64_t) {
    FAIL("measured");
    return ff::cost::TokenSeconds{};
  };
  CHECK_THAT(ff::plan::run_plan(config, options), !ContainsSubstring("measured"));
  CHECK_FALSE(std::filesystem::exists(folder / "speed.json"));
  for (const auto& e : ff::io::read_sweep(folder / "sweep.json")) {
    CHECK(e.predicted_seconds == 0.0);
  }
}

TEST_CASE("abstract sizes have no time to predict", "[plan]") {
  PlanConfig config;
  config.model.shapes = "none";
  Plan plan = make_plan(config);
  ff::plan::predict_times(plan, config, 100'000, {.threads = 2});
  CHECK_FALSE(plan.prediction);
}
