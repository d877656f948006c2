// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/optimal_configs.h"

#include "flops_fit/analysis/power_law.h"
#include "flops_fit/io/sweep.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace ff::analysis {
namespace {

using CountField = int64_t cost::ParamCounts::*;

double log_distance(double left, double right) {
  return std::abs(std::log(left / right));
}

/// Which of the counts the runs call model_size.
CountField counted_as(std::span<const Run> runs) {
  constexpr std::array<CountField, 3> kCounts = {
      &cost::ParamCounts::matmul, &cost::ParamCounts::total, &cost::ParamCounts::non_embedding};
  CountField best = kCounts[0];
  double nearest = std::numeric_limits<double>::infinity();
  for (const CountField field : kCounts) {
    double distance = 0;
    for (const Run& run : runs) {
      if (run.result && run.result->architecture) {
        const cost::ParamCounts counts = cost::count_params(*run.result->architecture);
        distance += log_distance(static_cast<double>(counts.*field), run.n);
      }
    }
    if (distance < nearest) {
      nearest = distance;
      best = field;
    }
  }
  return best;
}

/// The largest number of heads whose size is at least `head_size` and divides the width.
int64_t heads_of(int64_t d_model, int64_t head_size) {
  for (int64_t heads = std::max<int64_t>(1, d_model / head_size); heads > 1; --heads) {
    if (d_model % heads == 0) {
      return heads;
    }
  }
  return 1;
}

/// The headline's optima at the sweep's budgets: envelope has them at many more FLOP counts.
std::vector<io::OptimalPoint> at_budgets(const io::ScalingLaws& laws) {
  constexpr double kNear = 0.01;
  std::vector<io::OptimalPoint> points;
  for (const io::Isoflop& budget : laws.isoflop) {
    const auto distance = [&budget](const io::OptimalPoint& point) {
      return log_distance(point.compute_budget, budget.compute_budget);
    };
    const auto nearest = std::min_element(
        laws.optimal_points.begin(),
        laws.optimal_points.end(),
        [&](const auto& left, const auto& right) { return distance(left) < distance(right); });
    const bool known = nearest != laws.optimal_points.end() && distance(*nearest) < kNear;
    if (known && (points.empty() || points.back().compute_budget != nearest->compute_budget)) {
      points.push_back(*nearest);
    }
  }
  return laws.isoflop.empty() ? laws.optimal_points : points;
}

}  // namespace

std::optional<cost::Architecture> suggest_architecture(std::span<const Run> runs,
                                                       double model_size) {
  std::vector<double> widths, depths;
  int64_t step = 0;
  const cost::Architecture* largest = nullptr;
  for (const Run& run : runs) {
    if (run.result && run.result->architecture) {
      const cost::Architecture& arch = *run.result->architecture;
      widths.push_back(static_cast<double>(arch.d_model));
      depths.push_back(static_cast<double>(arch.num_layers));
      step = std::gcd(step, arch.d_model);
      if (largest == nullptr || arch.d_model > largest->d_model) {
        largest = &arch;
      }
    }
  }
  if (largest == nullptr || !(model_size > 0)) {
    return std::nullopt;
  }
  const CountField field = counted_as(runs);
  const std::optional<LogLine> depth_law = fit_power_law(widths, depths);
  const auto shape = [&](int64_t width) {
    cost::Architecture arch = *largest;
    const double ratio = static_cast<double>(largest->d_ff) / static_cast<double>(largest->d_model);
    const double depth = depth_law ? (*depth_law)(static_cast<double>(width)) : depths.front();
    arch.d_model = width;
    arch.num_layers = std::max<int64_t>(1, std::llround(depth));
    arch.num_heads = heads_of(width, largest->head_size());
    arch.d_ff = std::max<int64_t>(1, std::llround(ratio * static_cast<double>(width)));
    return arch;
  };
  std::optional<cost::Architecture> best;
  double nearest = std::numeric_limits<double>::infinity();
  constexpr int64_t kMaxSteps = 100'000;
  for (int64_t i = 1; i <= kMaxSteps; ++i) {
    const cost::Architecture arch = shape(i * step);
    const auto count = static_cast<double>(cost::count_params(arch).*field);
    if (log_distance(count, model_size) < nearest) {
      nearest = log_distance(count, model_size);
      best = arch;
    }
    if (count > 2 * model_size) {
      break;
    }
  }
  return best;
}

std::vector<OptimalConfig> optimal_configs(const io::ScalingLaws& laws, std::span<const Run> runs) {
  std::vector<OptimalConfig> configs;
  for (const io::OptimalPoint& point : at_budgets(laws)) {
    configs.push_back({.compute = point.compute_budget,
                       .target = false,
                       .model_size = point.model_size,
                       .num_tokens = point.num_tokens,
                       .tokens_per_param = point.num_tokens / point.model_size,
                       .loss = point.final_loss,
                       .architecture = std::nullopt,
                       .nearest_run = ""});
  }
  for (const io::Prediction& prediction : laws.predictions) {
    configs.push_back({.compute = prediction.target_compute,
                       .target = true,
                       .model_size = prediction.model_size,
                       .num_tokens = prediction.num_tokens,
                       .tokens_per_param = prediction.tokens_per_param,
                       .loss = prediction.loss,
                       .architecture = prediction.architecture,
                       .nearest_run = ""});
  }
  for (OptimalConfig& config : configs) {
    if (!config.architecture) {
      config.architecture = suggest_architecture(runs, config.model_size);
    }
    double nearest = std::numeric_limits<double>::infinity();
    for (const Run& run : runs) {
      const double distance = run.completed() && run.n > 0
                                  ? log_distance(run.n, config.model_size)
                                  : std::numeric_limits<double>::infinity();
      if (distance < nearest) {
        nearest = distance;
        config.nearest_run = run.id;
      }
    }
  }
  return configs;
}

io::Json to_json(const std::vector<OptimalConfig>& configs) {
  io::Json json = io::Json::array();
  for (const OptimalConfig& config : configs) {
    io::Json row = {{"compute", config.compute},
                    {"kind", config.target ? "target" : "budget"},
                    {"model_size", io::number_or_null(config.model_size)},
                    {"num_tokens", io::number_or_null(config.num_tokens)},
                    {"tokens_per_param", io::number_or_null(config.tokens_per_param)},
                    {"loss", io::number_or_null(config.loss)},
                    {"nearest_run", config.nearest_run}};
    row["architecture"] =
        config.architecture ? io::to_json(*config.architecture) : io::Json(nullptr);
    json.push_back(std::move(row));
  }
  return json;
}

}  // namespace ff::analysis
