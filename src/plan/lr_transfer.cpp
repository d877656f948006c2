// SPDX-License-Identifier: MIT
#include "lr_transfer.h"

#include "points.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/plan/shapes.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/units.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <vector>

namespace ff::plan {
namespace {

// A parabola in log2(eta) goes through three points; a drift is between two widths.
constexpr size_t kMinWidths = 2;
constexpr size_t kMinLearningRates = 3;

/// Those of `keys` (or groups of keys) whose value is not the default, as "a, b"; empty if none.
std::string changed_keys(const PlanConfig& config, std::initializer_list<const char*> keys) {
  const config::Node tree = config::dump_node(config);
  const config::Node defaults = config::dump_node(PlanConfig{});
  std::string names;
  for (const char* key : keys) {
    if (!config::same_value(*tree.find_path(key), *defaults.find_path(key))) {
      names += (names.empty() ? "" : ", ") + std::string(key);
    }
  }
  return names;
}

/// The values of `key`, ascending; throws ConfigError if there are too few, or one twice.
template <class T>
std::vector<T> distinct(const char* key, std::vector<T> values, size_t at_least) {
  std::sort(values.begin(), values.end());
  if (const auto twice = std::adjacent_find(values.begin(), values.end()); twice != values.end()) {
    throw error<ConfigError>("{}: {} stands there twice.", key, *twice);
  }
  if (values.size() < at_least) {
    throw error<ConfigError>("{}: {} value{}, and an lr_transfer sweep needs at least {}.",
                             key,
                             values.size(),
                             values.size() == 1 ? "" : "s",
                             at_least);
  }
  return values;
}

void check(const PlanConfig& config) {
  if (config.model.shapes != "search") {
    throw error<ConfigError>(
        "model.shapes={}: an lr_transfer sweep trains real models; leave it at search.",
        config.model.shapes);
  }
  if (!config.model.num_layers) {
    throw ConfigError(
        "model.num_layers=null: an lr_transfer sweep searches no depth, because its widths must "
        "differ in nothing else; give the number of blocks.");
  }
  check_head_size(config.model);
}

}  // namespace

void check_sweep_keys(const PlanConfig& config) {
  if (config.sweep.kind != io::kLrTransferSweep) {
    if (const std::string keys = changed_keys(config,
                                              {"sweep.widths",
                                               "sweep.log2_learning_rates",
                                               "sweep.num_tokens",
                                               "sweep.batch_tokens"});
        !keys.empty()) {
      throw error<ConfigError>(
          "{}: no effect with sweep.kind={}; set sweep.kind=lr_transfer, or leave it out.",
          keys,
          config.sweep.kind);
    }
    return;
  }
  if (const std::string keys = changed_keys(config,
                                            {"compute.min_flops",
                                             "compute.max_flops",
                                             "compute.num_budgets",
                                             "compute.budgets",
                                             "compute.num_model_sizes",
                                             "compute.min_tokens_per_param",
                                             "plan.sizes",
                                             "plan.span",
                                             "plan.widths",
                                             "plan.prior",
                                             "model.min_size",
                                             "model.max_size",
                                             "architecture",
                                             "schedule.batch_factor",
                                             "schedule.batch_exponent",
                                             "schedule.batch_min_tokens",
                                             "schedule.batch_max_tokens",
                                             "lr_schedule"});
      !keys.empty()) {
    throw error<ConfigError>(
        "{}: no effect with sweep.kind=lr_transfer, which trains sweep.widths at "
        "sweep.log2_learning_rates on sweep.num_tokens; leave it out (presets of IsoFLOP sweeps "
        "set it: take presets/lr_transfer).",
        keys);
  }
}

Plan make_lr_transfer_plan(const PlanConfig& config) {
  check(config);
  const auto widths = distinct("sweep.widths", config.sweep.widths, kMinWidths);
  const auto exponents =
      distinct("sweep.log2_learning_rates", config.sweep.log2_learning_rates, kMinLearningRates);
  for (const int64_t d_model : widths) {
    check_width("sweep.widths", d_model, config.model);
  }
  const int64_t vocab_size = vocab_size_of(config);
  // The batch rule gives way to one batch for all.
  PlanConfig fixed = config;
  fixed.schedule.batch_min_tokens = config.sweep.batch_tokens;
  fixed.schedule.batch_max_tokens = config.sweep.batch_tokens;

  Plan plan;
  for (const int64_t d_model : widths) {
    io::Experiment e =
        shaped_experiment(make_shape(d_model, *config.model.num_layers, vocab_size, config),
                          config.sweep.num_tokens,
                          fixed);
    if (e.num_steps < config.schedule.min_steps) {
      throw error<ConfigError>(
          "impossible plan: sweep.num_tokens={} are {} steps, fewer than schedule.min_steps={}; "
          "raise sweep.num_tokens or lower sweep.batch_tokens.",
          format_number(config.sweep.num_tokens),
          e.num_steps,
          config.schedule.min_steps);
    }
    e.sweep_kind = io::kLrTransferSweep;
    e.compute_budget = e.planned_flops;
    for (const double exponent : exponents) {
      for (int s = 0; s < config.plan.seeds; ++s) {
        e.experiment_id = fmt::format("exp_{:04}", plan.experiments.size());
        e.learning_rate = std::exp2(exponent);
        e.seed = config.plan.first_seed + s;
        check_experiment(e, plan.experiments.size());
        plan.experiments.push_back(e);
      }
    }
  }
  return plan;
}

}  // namespace ff::plan
