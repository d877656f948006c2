// SPDX-License-Identifier: MIT
#include "flops_fit/plan/sweep.h"

#include "lr_transfer.h"
#include "points.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/io/laws.h"
#include "flops_fit/io/provenance.h"
#include "flops_fit/plan/predict.h"
#include "flops_fit/plan/schedule.h"
#include "flops_fit/plan/shapes.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/machine.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace ff::plan {
namespace {

/// n log-spaced values from low to high, as numpy.logspace makes them.
std::vector<double> log_spaced(double low, double high, int n) {
  const double first = std::log10(low);
  const double last = std::log10(high);
  std::vector<double> values;
  for (int i = 0; i < n; ++i) {
    const double step = n > 1 ? (last - first) / (n - 1) : 0.0;
    values.push_back(std::pow(10.0, first + step * i));
  }
  return values;
}

/// Where zipf-stories' optimum was measured (two layers, head size 8, 3e10 to 1e13 FLOPs).
constexpr double kZipfExponent = 0.402;
double zipf_coefficient() {
  return 4.9e4 / std::pow(1e12, kZipfExponent);
}

/// The sizes to aim at, before shapes are found.
std::vector<double> target_sizes(double budget, const PlanConfig& config) {
  const int count = config.compute.num_model_sizes;
  if (config.plan.sizes == "grid") {
    return log_spaced(config.model.min_size, config.model.max_size, count);
  }
  const double optimum = expected_optimum(budget, config.plan.prior);
  std::vector<double> sizes;
  for (const double size :
       log_spaced(optimum / config.plan.span, optimum * config.plan.span, count)) {
    if (size >= config.model.min_size && size <= config.model.max_size) {
      sizes.push_back(size);
    }
  }
  return sizes;
}

/// An abstract size: N and D only, as the Python tool plans them (whole numbers by truncation).
io::Experiment abstract_experiment(double budget, double size) {
  io::Experiment e;
  e.compute_budget = budget;
  e.model_size = std::max<int64_t>(1, static_cast<int64_t>(size));
  if (budget / (6.0 * static_cast<double>(e.model_size)) > kMaxRunTokens) {
    throw error<ConfigError>(
        "impossible plan: {} parameters would see more than {} tokens at budget {}; raise "
        "model.min_size, or lower the budget.",
        e.model_size,
        format_number(kMaxRunTokens),
        format_flops(budget));
  }
  e.num_tokens = static_cast<int64_t>(budget / (6.0 * static_cast<double>(e.model_size)));
  e.tokens_per_param = static_cast<double>(e.num_tokens) / static_cast<double>(e.model_size);
  e.planned_flops = 6.0 * static_cast<double>(e.model_size) * static_cast<double>(e.num_tokens);
  e.flops_per_token = 6.0 * static_cast<double>(e.model_size);
  return e;
}

/// The distinct shapes of one budget, ascending.
std::vector<cost::Architecture> shapes_of(double budget,
                                          size_t budget_index,
                                          int64_t vocab_size,
                                          const PlanConfig& config) {
  std::vector<cost::Architecture> shapes;
  if (!config.plan.widths.empty()) {
    for (const int64_t d_model : config.plan.widths[budget_index]) {
      check_width("plan.widths", d_model, config.model);
      shapes.push_back(
          make_shape(d_model, config.model.num_layers.value_or(2), vocab_size, config));
    }
  } else {
    for (const double size : target_sizes(budget, config)) {
      if (const auto shape = find_shape(size, vocab_size, config)) {
        shapes.push_back(*shape);
      }
    }
  }
  const auto size = [](const cost::Architecture& a) { return cost::count_params(a).total; };
  std::sort(shapes.begin(), shapes.end(), [&](const auto& a, const auto& b) {
    return size(a) < size(b);
  });
  shapes.erase(std::unique(shapes.begin(), shapes.end()), shapes.end());
  return shapes;
}

void check(const PlanConfig& config, size_t num_budgets) {
  if (config.model.min_size > config.model.max_size) {
    throw error<ConfigError>("model.min_size={} is above model.max_size={}.",
                             format_number(config.model.min_size),
                             format_number(config.model.max_size));
  }
  if (!config.plan.widths.empty() && config.plan.widths.size() != num_budgets) {
    throw error<ConfigError>(
        "plan.widths has {} lists for {} budgets; give one list of widths per budget.",
        config.plan.widths.size(),
        num_budgets);
  }
  check_head_size(config.model);
  // Known before hours of search: the settings allow a thousand of each.
  if (config.plan.widths.empty() && num_budgets *
                                            static_cast<size_t>(config.compute.num_model_sizes) *
                                            static_cast<size_t>(config.plan.seeds) >
                                        kMaxExperiments) {
    throw error<ConfigError>(
        "impossible plan: {} budgets x {} model sizes x {} seeds are more than {} experiments.",
        num_budgets,
        config.compute.num_model_sizes,
        config.plan.seeds,
        kMaxExperiments);
  }
  if (config.architecture.min_layers > config.architecture.max_layers) {
    throw error<ConfigError>("architecture.min_layers={} is above architecture.max_layers={}.",
                             config.architecture.min_layers,
                             config.architecture.max_layers);
  }
}

/// What the sizes of one budget cannot tell, if anything.
void warn_about_budget(const std::vector<io::Experiment>& points,
                       double budget,
                       const PlanConfig& config,
                       std::vector<std::string>& warnings) {
  if (points.size() < 3) {
    warnings.push_back(fmt::format(
        "budget {}: only {} size(s); a parabola needs 3, and 5 to 7 give a usable optimum.",
        format_flops(budget),
        points.size()));
    return;
  }
  if (config.plan.sizes != "around_optimum" || !config.plan.widths.empty()) {
    return;  // sizes that were chosen by hand
  }
  const double optimum = expected_optimum(budget, config.plan.prior);
  const auto below = std::count_if(points.begin(), points.end(), [&](const io::Experiment& e) {
    return static_cast<double>(e.model_size) < optimum;
  });
  const auto above = static_cast<std::ptrdiff_t>(points.size()) - below;
  if (below < 2 || above < 2) {
    warnings.push_back(
        fmt::format("budget {}: {} size(s) below and {} above the expected optimum of {} "
                    "parameters; with fewer "
                    "than 2 on a side the minimum may lie on the edge.",
                    format_flops(budget),
                    below,
                    above,
                    format_count(optimum)));
  }
}

Plan make_isoflop_plan(const PlanConfig& config) {
  const std::vector<double> budgets = make_budgets(config.compute);
  check(config, budgets.size());
  const bool shaped = config.model.shapes == "search";
  const int64_t vocab_size = shaped ? vocab_size_of(config) : 0;

  Plan plan;
  for (size_t b = 0; b < budgets.size(); ++b) {
    const double budget = budgets[b];
    std::vector<io::Experiment> points;
    if (shaped) {
      for (const cost::Architecture& shape : shapes_of(budget, b, vocab_size, config)) {
        io::Experiment e =
            shaped_experiment(shape, budget / flops_per_token(shape, config), config);
        e.compute_budget = budget;
        points.push_back(std::move(e));
      }
    } else {
      for (const double size : target_sizes(budget, config)) {
        points.push_back(abstract_experiment(budget, size));
      }
    }
    const size_t found = points.size();
    std::erase_if(points, [&](const io::Experiment& e) {
      return e.tokens_per_param < config.compute.min_tokens_per_param;
    });
    const size_t starved = found - points.size();
    std::erase_if(points, [&](const io::Experiment& e) {
      return e.architecture && e.num_steps < config.schedule.min_steps;
    });
    const size_t too_short = found - starved - points.size();
    if (points.empty()) {
      throw error<ConfigError>(
          "impossible plan: no model size is left at budget {}: of {} sizes {} would see fewer "
          "than "
          "compute.min_tokens_per_param={} tokens per parameter and {} would train for fewer than "
          "schedule.min_steps={} steps; lower model.min_size or these limits, or raise the budget.",
          format_flops(budget),
          found,
          starved,
          format_number(config.compute.min_tokens_per_param),
          too_short,
          config.schedule.min_steps);
    }
    if (too_short > 0) {
      plan.warnings.push_back(fmt::format("budget {}: {} size(s) left out, fewer than {} steps.",
                                          format_flops(budget),
                                          too_short,
                                          config.schedule.min_steps));
    }
    warn_about_budget(points, budget, config, plan.warnings);
    for (const io::Experiment& point : points) {
      for (int s = 0; s < config.plan.seeds; ++s) {
        io::Experiment e = point;
        e.experiment_id = fmt::format("exp_{:04}", plan.experiments.size());
        e.learning_rate =
            learning_rate(static_cast<double>(e.model_size), e.num_steps, config.lr_schedule);
        e.seed = config.plan.first_seed + s;
        check_experiment(e, plan.experiments.size());
        plan.experiments.push_back(e);
      }
    }
  }
  return plan;
}

}  // namespace

std::vector<double> make_budgets(const ComputeGrid& grid) {
  if (!grid.budgets.empty()) {
    std::vector<double> budgets = grid.budgets;
    std::sort(budgets.begin(), budgets.end());
    if (std::adjacent_find(budgets.begin(), budgets.end()) != budgets.end()) {
      throw ConfigError("compute.budgets: a budget stands there twice.");
    }
    return budgets;
  }
  if (grid.min_flops > grid.max_flops) {
    throw error<ConfigError>("compute.min_flops={} is above compute.max_flops={}.",
                             format_number(grid.min_flops),
                             format_number(grid.max_flops));
  }
  if (grid.num_budgets > 1 && grid.min_flops == grid.max_flops) {
    throw error<ConfigError>(
        "compute.min_flops equals compute.max_flops={}, but compute.num_budgets={}; set it to 1.",
        format_number(grid.max_flops),
        grid.num_budgets);
  }
  return log_spaced(grid.min_flops, grid.max_flops, grid.num_budgets);
}

double expected_optimum(double budget_flops, const PriorConfig& prior) {
  if (!prior.laws.empty()) {
    const io::ScalingLaws laws = io::read_laws(prior.laws);
    if (!laws.n_opt_fit) {
      throw error<FileError>(
          "{}: it holds no n_opt_fit to plan by; give plan.prior.coefficient and "
          "exponent instead.",
          prior.laws);
    }
    return (*laws.n_opt_fit)(budget_flops);
  }
  if (prior.tokens_per_param) {
    return std::sqrt(budget_flops / (6.0 * *prior.tokens_per_param));
  }
  if (prior.coefficient > 0) {
    return prior.coefficient * std::pow(budget_flops, prior.exponent);
  }
  return zipf_coefficient() * std::pow(budget_flops, kZipfExponent);
}

Plan make_plan(const PlanConfig& config) {
  check_sweep_keys(config);
  return config.sweep.kind == io::kLrTransferSweep ? make_lr_transfer_plan(config)
                                                   : make_isoflop_plan(config);
}

std::string run_plan(const PlanConfig& config, const RunPlanOptions& options) {
  Plan plan = make_plan(config);
  if (config.hardware.predict_time == "auto") {
    engine::SpeedOptions speed = options.speed;
    speed.threads = std::min(training_cores(config), allowed_cores());
    predict_times(plan, config, options.evaluation_tokens, speed);
  }
  remove_dead_temporaries(std::filesystem::path(config.output.sweep_path).parent_path());
  io::write_sweep(config.output.sweep_path, plan.experiments);
  io::write_json(io::provenance_path(config.output.sweep_path),
                 io::provenance("ff-plan", config::dump_json(config), {config.plan.prior.laws}));
  for (const std::string& warning : plan.warnings) {
    spdlog::warn("{}", warning);
  }
  spdlog::info("wrote {} ({} experiments)", config.output.sweep_path, plan.experiments.size());
  if (!options.as_json) {
    return describe(plan, config);
  }
  io::Json json = io::Json::array();
  for (const io::Experiment& e : plan.experiments) {
    json.push_back(io::to_json(e));
  }
  return io::json_text(json, 2) + "\n";
}

}  // namespace ff::plan
