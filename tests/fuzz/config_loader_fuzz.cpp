// SPDX-License-Identifier: MIT
// Configuration trees as the structs of every stage, their JSON form, scalars and units. The first
// line of an input says which: planner, trainer, analyzer, visualizer, tokenizer, roofline,
// hardware (then YAML), json (then the dataset keys), plan (YAML, and the plan itself is made) or
// scalar.
#include "support.h"
#include "targets.h"

#include "flops_fit/analysis/config.h"
#include "flops_fit/config/dump.h"
#include "flops_fit/config/interpolate.h"
#include "flops_fit/config/load.h"
#include "flops_fit/config/scalar.h"
#include "flops_fit/cost/hardware.h"
#include "flops_fit/data/config.h"
#include "flops_fit/plan/sweep.h"
#include "flops_fit/plot/config.h"
#include "flops_fit/roofline/config.h"
#include "flops_fit/tokenize/config.h"
#include "flops_fit/train/config.h"
#include "flops_fit/util/units.h"

#include <cmath>

namespace ff::fuzz {
namespace {

template <class Config>
Config load(std::string_view text) {
  config::Node tree = config::dump_node(Config{});
  config::merge(tree, config::parse_yaml(text, "config.yaml"));
  config::resolve(tree);
  const auto loaded = config::load<Config>(tree);
  const std::string written = config::dump_resolved_yaml(loaded);
  config::Node again = config::parse_yaml(written, "written");
  config::resolve(again);
  require(config::dump_resolved_yaml(config::load<Config>(again)) == written,
          "a configuration survives writing and reading");
  return loaded;
}

void read_scalar(std::string_view text) {
  (void)config::parse_bool(text);
  if (const auto whole = config::parse_int(text)) {
    require(config::parse_int(fmt::format("{}", *whole)) == whole, "an integer survives");
  }
  if (const auto real = config::parse_real(text); real && std::isfinite(*real)) {
    require(config::parse_real(format_number(*real)) == real, "a number survives");
    (void)format_count(*real);
    (void)format_duration(*real);
    (void)format_bytes(*real);
    (void)format_flops(*real);
    (void)format_power_of_two(*real);
  }
}

void make_small_plan(std::string_view text) {
  plan::PlanConfig config = load<plan::PlanConfig>(text);
  config.dataset = {};
  config.plan.prior.laws.clear();
  config.compute.num_budgets = std::min(config.compute.num_budgets, 3);
  config.compute.num_model_sizes = std::min(config.compute.num_model_sizes, 4);
  config.plan.seeds = std::min(config.plan.seeds, 2);
  (void)plan::make_plan(config);
}

}  // namespace

void config_loader(const uint8_t* data, size_t size) {
  std::string_view text = text_of(data, size);
  const std::string_view kind = take_line(text);
  accepts([&] {
    if (kind == "planner") {
      (void)load<plan::PlanConfig>(text);
    } else if (kind == "trainer") {
      (void)load<train::TrainConfig>(text);
    } else if (kind == "analyzer") {
      (void)load<analysis::AnalyzerConfig>(text);
    } else if (kind == "visualizer") {
      (void)load<plot::VisualizerConfig>(text);
    } else if (kind == "tokenizer") {
      (void)load<tokenize::TokenizerConfig>(text);
    } else if (kind == "roofline") {
      (void)load<roofline::RooflineConfig>(text);
    } else if (kind == "hardware") {
      (void)cost::hardware_yaml(load<cost::Hardware>(text), "fuzzed");
    } else if (kind == "plan") {
      make_small_plan(text);
    } else if (kind == "json") {
      const data::DatasetConfig config = data::from_json(text);
      (void)data::from_json(data::to_json(config));
      data::check(config);
    } else {
      read_scalar(text);
    }
  });
}

}  // namespace ff::fuzz
