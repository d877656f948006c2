// SPDX-License-Identifier: MIT
#include "flops_fit/train/schedule.h"

#include "flops_fit/config/scalar.h"
#include "flops_fit/train/model_config.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ff::train {

RunSchedule make_schedule(const io::Experiment& e, const TrainConfig& config) {
  const TrainerSection& trainer = config.trainer;
  const int64_t num_layers = e.architecture ? e.architecture->num_layers : 1;
  const Tuning tuning = tuning_of(config, e.learning_rate, num_layers);
  RunSchedule run{.batch_size = e.batch_size,
                  .num_steps = e.num_steps,
                  .warmup_steps = e.warmup_steps,
                  .learning_rate = tuning.learning_rate,
                  .weight_decay = tuning.weight_decay,
                  .seed = trainer.seed.value_or(e.seed)};
  if (trainer.batch_size && *trainer.batch_size != run.batch_size) {
    const double planned_rows =
        static_cast<double>(e.batch_size) * static_cast<double>(e.num_steps);
    run.batch_size = *trainer.batch_size;
    run.num_steps =
        std::max<int64_t>(1, std::llround(planned_rows / static_cast<double>(run.batch_size)));
    const double warmup_share =
        static_cast<double>(e.warmup_steps) / static_cast<double>(e.num_steps);
    run.warmup_steps = std::llround(warmup_share * static_cast<double>(run.num_steps));
  }
  if (trainer.warmup_ratio) {
    run.warmup_steps = std::llround(*trainer.warmup_ratio * static_cast<double>(run.num_steps));
  }
  return run;
}

double lr_factor(int64_t step, const RunSchedule& run, const TrainerSection& trainer) {
  if (step < run.warmup_steps) {
    return static_cast<double>(step + 1) / static_cast<double>(run.warmup_steps + 1);
  }
  const auto decaying = static_cast<double>(run.num_steps - run.warmup_steps);
  const double done = static_cast<double>(step - run.warmup_steps) / decaying;  // 0 .. 1
  double shape = 1.0;
  if (trainer.scheduler == "linear") {
    shape = 1.0 - done;
  } else if (trainer.scheduler == "cosine") {
    shape = 0.5 * (1.0 + std::cos(std::numbers::pi * done));
  } else if (trainer.scheduler == "wsd" && trainer.decay_fraction > 0) {
    const double decay_steps = trainer.decay_fraction * static_cast<double>(run.num_steps);
    shape = std::min(1.0, static_cast<double>(run.num_steps - step) / decay_steps);
  }
  return trainer.final_lr_fraction + (1.0 - trainer.final_lr_fraction) * shape;
}

CheckpointInterval checkpoint_interval(const std::string& text) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"s", 1.0}, {"min", 60.0}, {"h", 3600.0}};
  const size_t digits = std::min(text.find_first_not_of("0123456789._"), text.size());
  const std::string number = text.substr(0, digits);
  const std::string_view unit = std::string_view(text).substr(digits);
  if (unit.empty()) {
    if (const auto steps = config::parse_int(number); steps && *steps >= 0) {
      return {.steps = *steps};
    }
  }
  const auto value = config::parse_real(number);
  for (const auto& [name, seconds] : kUnits) {
    if (value && std::isfinite(*value) && unit == name) {
      return {.seconds = *value * seconds};
    }
  }
  throw error<ConfigError>(
      "trainer.checkpoint_every: expected steps (500) or a time (60s, 5min, 1h), found {}.", text);
}

}  // namespace ff::train
