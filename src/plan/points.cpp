// SPDX-License-Identifier: MIT
#include "points.h"

#include "flops_fit/data/dataset.h"
#include "flops_fit/io/consistency.h"
#include "flops_fit/plan/schedule.h"
#include "flops_fit/plan/shapes.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/units.h"

namespace ff::plan {

double flops_per_token(const cost::Architecture& shape, const PlanConfig& config) {
  if (config.compute.flops_formula != "6nd") {
    return cost::train_flops_per_token(shape);
  }
  return 6.0 * static_cast<double>(model_size_of(cost::count_params(shape), config.model.count));
}

io::Experiment shaped_experiment(const cost::Architecture& shape,
                                 double tokens,
                                 const PlanConfig& config) {
  io::Experiment e;
  e.architecture = shape;
  e.params = cost::count_params(shape);
  e.model_size = model_size_of(*e.params, config.model.count);
  e.flops_per_token = flops_per_token(shape, config);
  const RunLength length = make_run_length(tokens, config);
  e.batch_size = length.batch_size;
  e.num_steps = length.num_steps;
  e.warmup_steps = length.warmup_steps;
  e.num_tokens = length.num_tokens;
  e.tokens_per_param = static_cast<double>(e.num_tokens) / static_cast<double>(e.model_size);
  e.planned_flops = e.flops_per_token * static_cast<double>(e.num_tokens);
  return e;
}

int64_t vocab_size_of(const PlanConfig& config) {
  return config.model.vocab_size ? *config.model.vocab_size
                                 : data::planned_vocab_size(config.dataset);
}

void check_width(std::string_view key, int64_t d_model, const ModelSection& model) {
  if (d_model % model.head_size != 0) {
    throw error<ConfigError>(
        "{}: {} is not a multiple of model.head_size={}.", key, d_model, model.head_size);
  }
}

void check_experiment(const io::Experiment& experiment, size_t number) {
  if (!(experiment.learning_rate > 0 && experiment.learning_rate <= io::kMaxLearningRate)) {
    throw error<ConfigError>(
        "lr_schedule: the learning rate of a model of {} parameters and {} steps would be {}.",
        experiment.model_size,
        experiment.num_steps,
        format_number(experiment.learning_rate));
  }
  if (number >= kMaxExperiments) {
    throw error<ConfigError>(
        "impossible plan: more than {} experiments; plan fewer budgets, sizes or seeds.",
        kMaxExperiments);
  }
}

void check_head_size(const ModelSection& model) {
  if (model.head_size % 2 != 0) {
    throw error<ConfigError>(
        "model.head_size={} is odd; rotary positions turn pairs of features, so it must be even.",
        model.head_size);
  }
}

}  // namespace ff::plan
