// SPDX-License-Identifier: MIT
// mode=mock: losses from a planted law, to try the pipeline and to check the fits against a truth.
// (The Python tool's mock law gives losses of 10 to 33; this one is Hoffmann et al.'s by default.)
#include "modes/modes.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"
#include "flops_fit/util/units.h"

#include <cmath>
#include <numbers>
#include <random>

namespace ff::train {
namespace {

/// A standard normal number that depends on the seed and the experiment alone, neither on its name
/// nor on the order in which experiments run. (std::normal_distribution differs between standard
/// libraries.)
double noise_of(const io::Experiment& e, int64_t seed) {
  const uint64_t key = fnv1a(fmt::format("{}|{}|{}|{}", seed, e.model_size, e.num_tokens, e.seed));
  std::mt19937_64 generator(key);
  const auto uniform = [&] { return (static_cast<double>(generator() >> 11) + 0.5) * 0x1p-53; };
  const double radius = std::sqrt(-2.0 * std::log(uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace

void check_mock(const std::vector<io::Experiment>& sweep, const TrainConfig& config) {
  for (const io::Experiment& e : sweep) {
    if (e.sweep_kind == io::kLrTransferSweep) {
      throw error<ConfigError>(
          "mode=mock: {} is an lr_transfer sweep, and the planted law (mock.*) knows no learning "
          "rate; train it with mode=local, or plan with sweep.kind=isoflop.",
          config.paths.sweep);
    }
  }
}

std::string mock_data_identity(const TrainConfig&) {
  return "mock";
}

std::string mock_config_identity(const TrainConfig& config) {
  return config::identity_yaml(config.mock);
}

io::Json mock_trained(const io::Experiment& e, const TrainConfig& config) {
  return {{"model_size", e.model_size},
          {"num_tokens", e.num_tokens},
          {"planned_flops", e.planned_flops},
          {"seed", e.seed},
          {"recorded_seed", config.trainer.seed.value_or(e.seed)},
          {"recorded_learning_rate", config.trainer.learning_rate.value_or(e.learning_rate)}};
}

io::RunResult run_mock(const RunRequest& request) {
  const io::Experiment& e = request.experiment;
  const MockSection& law = request.config.mock;
  const auto n = static_cast<double>(e.model_size);
  const auto d = static_cast<double>(e.num_tokens);
  const double loss = law.E + law.A / std::pow(n, law.alpha) + law.B / std::pow(d, law.beta);
  io::RunResult result = planned_result(request);
  result.final_loss = loss * (1.0 + law.noise * noise_of(e, law.seed));
  if (!(*result.final_loss > 0) || !std::isfinite(*result.final_loss)) {
    throw error<Error>("the planted law gives a loss of {}; change mock.*.",
                       format_number(*result.final_loss));
  }
  result.actual_flops = e.planned_flops > 0 ? e.planned_flops : 6.0 * n * d;
  result.timestamp = utc_timestamp();
  result.status = "completed";
  result.device = "mock";
  return result;
}

}  // namespace ff::train
