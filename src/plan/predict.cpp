// SPDX-License-Identifier: MIT
#include "flops_fit/plan/predict.h"

#include "flops_fit/cost/run_time.h"
#include "flops_fit/data/dataset.h"
#include "flops_fit/util/machine.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ff::plan {

int64_t training_cores(const PlanConfig& config) {
  return config.hardware.num_threads.value_or(allowed_cores());
}

int64_t evaluated_tokens(const data::DatasetConfig& dataset, int64_t scored_tokens) {
  if (data::tokenizer_kind(dataset) != data::TokenizerKind::kWord) {
    return scored_tokens;  // every target counts
  }
  // A part of the set says what share is scored, and takes milliseconds.
  constexpr int64_t kSample = 5000;
  const data::EvalSet sample = data::open_dataset(dataset)->eval_set(kSample);
  return scored_tokens * sample.rows * sample.seq_len / std::max<int64_t>(1, sample.scored_tokens);
}

void predict_times(Plan& plan,
                   const PlanConfig& config,
                   int64_t evaluation_tokens,
                   const engine::SpeedOptions& options) {
  std::vector<engine::SpeedShape> shapes;
  std::vector<io::Experiment*> runs;
  for (io::Experiment& e : plan.experiments) {
    if (e.trainable()) {
      shapes.push_back({.arch = *e.architecture, .batch_rows = e.batch_size});
      runs.push_back(&e);
    }
  }
  if (runs.empty()) {
    return;
  }
  const int64_t evaluated = evaluated_tokens(config.dataset, evaluation_tokens);
  const engine::Speeds speeds = engine::training_speeds(shapes, options);
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i]->predicted_seconds = cost::run_seconds(runs[i]->num_tokens, evaluated, speeds.of[i]);
  }
  plan.prediction = {.cores_measured = options.threads,
                     .models_measured = speeds.measured,
                     .models_estimated = speeds.estimated};
  if (speeds.measured > 0) {
    spdlog::info("measured the training speed of {} models on {} core{} at once, in {}",
                 speeds.measured,
                 options.threads,
                 options.threads == 1 ? "" : "s",
                 format_duration(speeds.seconds));
  }
  if (speeds.estimated > 0) {
    spdlog::info("the speed of {} models was estimated from their neighbours'", speeds.estimated);
  }
}

}  // namespace ff::plan
