// SPDX-License-Identifier: MIT
#pragma once
// From configuration keys to a parametrization, a shape and a learning rate, and what becomes of
// the keys that only the Python tool had.
#include "flops_fit/cost/transformer.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/model/parametrization.h"
#include "flops_fit/train/config.h"

#include <string>
#include <vector>

namespace ff::train {

/// Throws ConfigError for keys that contradict each other or that the parametrization does not
/// have.
[[nodiscard]] model::ParametrizationOptions parametrization_options(const TrainConfig& config);

/// Positions and optimizer, on the CPU.
[[nodiscard]] engine::EngineOptions engine_options(const TrainConfig& config);

/// Peak learning rate and weight decay of a run, in the parametrization's own terms.
struct Tuning {
  double learning_rate = 0.0;
  double weight_decay = 0.0;
};
/// `planned_lr` holds unless trainer.learning_rate is given. Under u-mup with umup.base_width the
/// latter, and with umup.base_width_wd the decay, are converted from the Python tool's terms.
[[nodiscard]] Tuning tuning_of(const TrainConfig& config, double planned_lr, int64_t num_layers);

/// One line for each key of the Python tool that was converted, or that has nothing to set.
[[nodiscard]] std::vector<std::string> conversion_notes(const TrainConfig& config);

/// The model of --show-parametrization: model.* with their defaults. Throws ConfigError.
[[nodiscard]] cost::Architecture configured_architecture(const TrainConfig& config);
/// The same at another width, with heads of the same size.
[[nodiscard]] cost::Architecture configured_architecture(const TrainConfig& config,
                                                         int64_t d_model);

/// Throws ConfigError if model.* says something else than the plan; `where` names the experiment.
void check_shape(const ModelSection& model,
                 const cost::Architecture& planned,
                 const std::string& where);

}  // namespace ff::train
