// SPDX-License-Identifier: MIT
// mode=api: an external service trains; api/service.h is how it is asked.
#include "modes/modes.h"

#include "flops_fit/api/check.h"
#include "flops_fit/api/identity.h"
#include "flops_fit/api/service.h"
#include "flops_fit/config/dump.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/units.h"

namespace ff::train {
namespace {

/// The experiment as this configuration wants it trained.
io::Experiment wanted(io::Experiment experiment, const TrainConfig& config) {
  experiment.learning_rate = config.trainer.learning_rate.value_or(experiment.learning_rate);
  experiment.seed = config.trainer.seed.value_or(experiment.seed);
  return experiment;
}

api::Task task_of(const RunRequest& request) {
  return {.experiment = wanted(request.experiment, request.config),
          .config_hash = request.config_hash,
          .run_dir = request.run_dir,
          .resume = request.config.resume};
}

/// Runs `work`, with the api module's exceptions as those of a mode.
template <class Work>
auto translated(const Work& work) {
  try {
    return work();
  } catch (const api::Stopped&) {
    throw Interrupted();
  } catch (const api::ServiceError& problem) {
    throw SweepError(problem.what());
  }
}

}  // namespace

void check_api(const std::vector<io::Experiment>& sweep, const TrainConfig& config) {
  if (config.trainer.batch_size || config.trainer.warmup_ratio) {
    throw error<ConfigError>(
        "mode=api: the service trains what is planned; instead of trainer.{} set schedule.{} of "
        "ff-plan.",
        config.trainer.batch_size ? "batch_size" : "warmup_ratio",
        config.trainer.batch_size ? "batch_size" : "warmup_fraction");
  }
  const api::Secret key = api::key_from_environment(config.api);
  api::refuse_key_in(config::dump_node(config), key);
  std::vector<io::Experiment> experiments;
  for (const io::Experiment& experiment : sweep) {
    experiments.push_back(wanted(experiment, config));
  }
  api::check_service(config.api, key, experiments, config.paths.sweep);
}

std::string api_data_identity(const TrainConfig& config) {
  const api::ApiSection service = api::normal_form(config.api);
  return fmt::format("api {} {}", service.base_url, hash_text(config::identity_hash(service)));
}

std::string api_config_identity(const TrainConfig&) {
  return "";  // what the service is asked is part of the data's identity and of trained()
}

io::Json api_trained(const io::Experiment& experiment, const TrainConfig& config) {
  io::Json asked = io::to_json(wanted(experiment, config));
  asked.erase("experiment_id");
  asked.erase("predicted_seconds");
  return asked;
}

int64_t api_at_once(const TrainConfig& config) {
  return config.api.concurrency;
}

void check_api_budget(std::span<const RunRequest> requests, const TrainConfig& config) {
  std::vector<api::Task> tasks;
  for (const RunRequest& request : requests) {
    tasks.push_back(task_of(request));
  }
  translated([&] { api::check_budget(tasks, config.api, api::key_from_environment(config.api)); });
}

io::RunResult run_api(const RunRequest& request) {
  const api::ApiSection& service = request.config.api;
  const api::Answer answer = translated([&] {
    return api::ask_for_loss(task_of(request), service, api::key_from_environment(service));
  });
  io::RunResult result = planned_result(request);
  result.device = "api";
  result.timestamp = utc_timestamp();
  if (answer.kind != api::Answer::Kind::kDone) {
    result.status = io::kFailed;
    result.error_message = answer.reason;
    return result;
  }
  const io::Experiment& e = request.experiment;
  const double planned_flops = e.planned_flops > 0 ? e.planned_flops
                                                   : 6.0 * static_cast<double>(e.model_size) *
                                                         static_cast<double>(e.num_tokens);
  result.status = io::kCompleted;
  result.final_loss = answer.loss;
  result.actual_flops = answer.flops.value_or(planned_flops);
  result.wall_time_s = answer.wall_s.value_or(0.0);
  return result;
}

}  // namespace ff::train
