// SPDX-License-Identifier: MIT
#include "forecast.h"

#include "flops_fit/analysis/optimal_configs.h"
#include "flops_fit/engine/speed.h"
#include "flops_fit/plan/shapes.h"
#include "flops_fit/util/machine.h"

#include <fmt/format.h>

namespace ff::analysis {
namespace {

/// The planner's shape for a size that nothing else is known of: today's usual proportions.
std::optional<cost::Architecture> usual_shape(double model_size) {
  constexpr double kSmall = 3e7;  // below, heads of 128 features leave no choice of widths
  plan::PlanConfig config;
  const bool small = model_size < kSmall;
  config.model.count = "total";
  config.model.head_size = small ? 16 : 128;
  config.model.num_layers.reset();
  config.architecture.d_model_multiple = small ? 16 : 128;
  config.architecture.min_layers = 2;
  config.architecture.max_layers = 160;
  config.dataset.seq_len = small ? 256 : 2048;
  return plan::find_shape(model_size, small ? 4096 : 32'000, config);
}

io::TrainingTime time_on(const std::string& machine, double flops, double flops_per_s) {
  return {.machine = machine, .flops_per_s = flops_per_s, .seconds = flops / flops_per_s};
}

}  // namespace

void forecast(io::ScalingLaws& laws, std::span<const Run> runs, const AnalyzerConfig& config) {
  std::vector<engine::SpeedShape> shapes;
  std::vector<io::Prediction*> timed;
  for (io::Prediction& prediction : laws.predictions) {
    prediction.architecture = suggest_architecture(runs, prediction.model_size);
    if (!prediction.architecture) {
      prediction.architecture = usual_shape(prediction.model_size);
    }
    if (prediction.architecture) {
      shapes.push_back({.arch = *prediction.architecture, .batch_rows = 16});
      timed.push_back(&prediction);
    }
  }
  if (!config.predict.training_time || shapes.empty()) {
    return;
  }
  const int64_t cores = allowed_cores();
  const engine::Speeds speeds =
      engine::training_speeds(shapes, {.threads = cores, .cache = engine::default_speed_cache()});
  for (size_t i = 0; i < timed.size(); ++i) {
    io::Prediction& prediction = *timed[i];
    const double flops = prediction.target_compute;
    const double seconds = prediction.num_tokens * speeds.of[i].train / static_cast<double>(cores);
    if (seconds > 0) {
      prediction.times.push_back(
          time_on(fmt::format("this machine ({} core{})", cores, cores == 1 ? "" : "s"),
                  flops,
                  flops / seconds));
    }
    const HardwareEntry& other = config.predict.hardware;
    if (!other.name.empty()) {
      const std::string count = other.devices > 1 ? fmt::format("{:g} x ", other.devices) : "";
      prediction.times.push_back(time_on(
          fmt::format("{}{} at {:g}% of its peak", count, other.name, 100 * other.utilization),
          flops,
          other.peak_flops_per_s * other.utilization * other.devices));
    }
  }
}

}  // namespace ff::analysis
