// SPDX-License-Identifier: MIT
#include "training_loop.h"

#include "flops_fit/cost/transformer.h"
#include "flops_fit/train/evaluate.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/units.h"

#include <algorithm>
#include <cmath>

namespace ff::train {
namespace {

/// Longest silence between two progress reports.
constexpr double kReportEveryS = 0.5;

/// A training loss of this many times ln(vocab), the loss of guessing, is past recovery.
constexpr double kDivergedFactor = 10.0;

LoopCounters start_of(const std::optional<Checkpoint>& from, std::vector<double> diverged) {
  LoopCounters counters = from ? from->counters : LoopCounters{};
  counters.diverged_learning_rates = std::move(diverged);
  return counters;
}

io::RunResult result_of(const RunParts& parts, int64_t num_tokens) {
  io::RunResult result = planned_result(parts.request);
  result.num_tokens = num_tokens;
  result.learning_rate = parts.schedule.learning_rate;
  if (result.params) {
    result.params->total = parts.parametrization.num_parameters();  // the plan knows no norm gains
  }
  result.device = parts.device;
  result.engine = parts.engine_name;
  result.dtype = parts.request.config.hardware.dtype;
  return result;
}

}  // namespace

TrainingLoop::TrainingLoop(const RunParts& parts,
                           std::unique_ptr<engine::Engine> engine,
                           std::vector<double> diverged,
                           std::optional<Checkpoint> from)
    : parts_(parts),
      trainer_(parts.request.config.trainer),
      save_every_(checkpoint_interval(trainer_.checkpoint_every)),
      engine_(std::move(engine)),
      counters_(start_of(from, std::move(diverged))),
      log_(parts.request.run_dir, counters_.metrics_bytes, counters_.step),
      clock_(counters_) {
  if (from) {
    engine_->set_state(from->state);
  }
  const cost::Architecture& arch = parts.parametrization.architecture;
  const int64_t rows = parts.schedule.batch_size;
  step_tokens_ = rows * arch.seq_len;
  step_flops_ = cost::train_flops_per_token(arch) * static_cast<double>(step_tokens_);
  tokens_.resize(static_cast<size_t>(rows * (arch.seq_len + 1)));
  result_ = result_of(parts, parts.schedule.num_steps * step_tokens_);
}

io::RunResult TrainingLoop::train() {
  const RunSchedule& run = parts_.schedule;
  const double chance =
      std::log(static_cast<double>(parts_.parametrization.architecture.vocab_size));
  const int64_t tail_start = run.num_steps - std::max<int64_t>(1, run.num_steps / 10);
  report(NAN);  // where this session starts
  while (counters_.step < run.num_steps) {
    const double loss = step();
    if (!std::isfinite(loss) || loss > kDivergedFactor * chance) {
      diverge(fmt::format("the training loss is {:.3g}", loss));
      break;
    }
    counters_.log_loss_sum += loss;
    ++counters_.log_steps;
    if (counters_.step > tail_start) {
      counters_.tail_loss_sum += loss;
      ++counters_.tail_steps;
    }
    const bool evaluate_now =
        last() || (trainer_.eval_every > 0 && counters_.step % trainer_.eval_every == 0);
    if (evaluate_now || counters_.step % trainer_.log_every == 0) {
      log(evaluate_now);
    } else if (seconds_since(reported_) >= kReportEveryS) {
      report(counters_.log_loss_sum / static_cast<double>(counters_.log_steps));
    }
    if (last()) {
      break;
    }
    if (stop_signal() != 0) {
      save();
      throw Interrupted();
    }
    if ((save_every_.steps > 0 && counters_.step % save_every_.steps == 0) ||
        (save_every_.seconds > 0 && seconds_since(saved_) >= save_every_.seconds)) {
      save();
    }
  }
  finish();
  return result_;
}

double TrainingLoop::step() {
  use_threads();
  const RunSchedule& run = parts_.schedule;
  const int64_t step = counters_.step++;
  parts_.dataset.fill_batch(static_cast<uint64_t>(run.seed), step, run.batch_size, tokens_);
  return engine_
      ->train_step({tokens_, run.batch_size, parts_.parametrization.architecture.seq_len},
                   {.learning_rate = run.learning_rate,
                    .weight_decay = run.weight_decay,
                    .schedule_factor = lr_factor(step, run, trainer_),
                    .micro_batches = trainer_.accumulation_steps})
      .loss_nats;
}

void TrainingLoop::use_threads() {
  if (const int64_t wanted = parts_.request.num_threads(); wanted != threads_) {
    threads_ = wanted;
    engine_->set_num_threads(threads_);
    clock_.set_cores(threads_);
  }
}

void TrainingLoop::log(bool evaluate_now) {
  io::MetricsLine line{
      .step = counters_.step,
      .tokens = counters_.step * step_tokens_,
      .flops = static_cast<double>(counters_.step) * step_flops_,
      .train_loss = counters_.log_loss_sum / static_cast<double>(counters_.log_steps),
      .lr =
          parts_.schedule.learning_rate * lr_factor(counters_.step - 1, parts_.schedule, trainer_)};
  counters_.log_loss_sum = 0.0;
  counters_.log_steps = 0;
  if (evaluate_now) {
    evaluate_held_out();
    line.eval_loss = result_.final_loss;
  }
  log_.write(line);
  report(*line.train_loss);
}

void TrainingLoop::evaluate_held_out() {
  const HeldOutLoss loss = evaluate(*engine_, parts_.held_out);
  result_.final_loss = loss.mean_nats;
  result_.loss_stderr = loss.stderr_nats;
  result_.bits_per_byte = loss.bits_per_byte;
}

void TrainingLoop::save() {
  counters_.wall_s = clock_.wall_s();
  counters_.core_s = clock_.core_s();
  counters_.metrics_bytes = log_.bytes();
  save_checkpoint(parts_.request.run_dir,
                  parts_.parametrization.tensors,
                  {.config_hash = parts_.request.config_hash,
                   .data_seed = parts_.schedule.seed,
                   .counters = counters_,
                   .state = engine_->state()});
  saved_ = Clock::now();
}

void TrainingLoop::report(double loss) {
  reported_ = Clock::now();
  parts_.request.on_progress(
      {counters_.step, parts_.schedule.num_steps, counters_.step * step_tokens_, loss});
}

void TrainingLoop::diverge(const std::string& how) {
  result_.status = io::kDiverged;
  result_.error_message = fmt::format("diverged at step {} of {}: {}; lower the learning rate ({})",
                                      counters_.step,
                                      parts_.schedule.num_steps,
                                      how,
                                      format_number(parts_.schedule.learning_rate));
}

void TrainingLoop::finish() {
  result_.actual_flops = static_cast<double>(counters_.step) * step_flops_;
  result_.wall_time_s = clock_.wall_s();
  result_.core_s = clock_.core_s();
  result_.tokens_per_second =
      static_cast<double>(counters_.step * step_tokens_) / result_.wall_time_s;
  if (parts_.peak_flops_per_s > 0) {
    result_.mfu = result_.actual_flops / *result_.core_s / parts_.peak_flops_per_s;
  }
  result_.timestamp = utc_timestamp();
  result_.diverged_learning_rates = counters_.diverged_learning_rates;
  if (result_.status != io::kDiverged && !std::isfinite(result_.final_loss.value_or(NAN))) {
    diverge("the held-out loss is not finite");
  }
  if (result_.status == io::kDiverged) {
    result_.final_loss.reset();
    result_.loss_stderr.reset();
    result_.bits_per_byte.reset();
    return;
  }
  result_.train_loss = counters_.tail_loss_sum / static_cast<double>(counters_.tail_steps);
  result_.floor_nats = parts_.held_out.floor_nats;
  result_.status = io::kCompleted;
}

}  // namespace ff::train
