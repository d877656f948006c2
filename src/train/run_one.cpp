// SPDX-License-Identifier: MIT
#include "flops_fit/train/run_one.h"

#include "modes/modes.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/machine.h"
#include "flops_fit/util/version.h"

#include <array>

namespace ff::train {
namespace {

constexpr std::array kModes = {
    Mode{"local",
         "train for real on this machine",
         true,
         &check_local,
         &local_data_identity,
         &local_config_identity,
         &local_trained,
         &local_needs,
         &run_local},
    Mode{"mock",
         "draw losses from the planted law mock.*",
         false,
         &check_mock,
         &mock_data_identity,
         &mock_config_identity,
         &mock_trained,
         nullptr,
         &run_mock},
    Mode{"api",
         "have the external service api.* train",
         false,
         &check_api,
         &api_data_identity,
         &api_config_identity,
         &api_trained,
         nullptr,
         &run_api,
         &api_at_once,
         &check_api_budget},
};

}  // namespace

const Mode& find_mode(const std::string& name) {
  std::string known;
  for (const Mode& mode : kModes) {
    if (name == mode.name) {
      return mode;
    }
    known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", mode.name, mode.help);
  }
  throw error<ConfigError>("mode={} is not known; use {}.", name, known);
}

io::RunResult planned_result(const RunRequest& request) {
  const io::Experiment& e = request.experiment;
  io::RunResult result;
  result.experiment_id = e.experiment_id;
  result.sweep_kind = e.sweep_kind;
  result.compute_budget = e.compute_budget;
  result.model_size = e.model_size;
  result.num_tokens = e.num_tokens;
  result.params = e.params;
  result.architecture = e.architecture;
  result.seed = request.config.trainer.seed.value_or(e.seed);
  result.learning_rate = request.config.trainer.learning_rate;
  if (!result.learning_rate && e.learning_rate > 0) {  // 0: the plan has none
    result.learning_rate = e.learning_rate;
  }
  if (e.predicted_seconds > 0) {
    result.predicted_s = e.predicted_seconds;
  }
  result.config_hash = request.config_hash;
  result.data = request.data_identity;
  result.host = host_name();
  result.version = version();
  result.git_commit = git_commit();
  return result;
}

}  // namespace ff::train
