// SPDX-License-Identifier: MIT
// mode=local: the training loop of one experiment.
#include "modes/modes.h"

#include "flops_fit/cost/transformer.h"
#include "flops_fit/data/dataset.h"
#include "flops_fit/data/tokenize.h"
#include "flops_fit/engine/cpu.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/io/metrics.h"
#include "flops_fit/train/checkpoint.h"
#include "flops_fit/train/evaluate.h"
#include "flops_fit/train/model_config.h"
#include "flops_fit/train/schedule.h"
#include "flops_fit/train/tensorboard.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <map>

namespace ff::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What a run writes while it is under way: metrics.jsonl and TensorBoard events.
class RunLog {
 public:
  explicit RunLog(const std::filesystem::path& run_dir)
      : lines_(run_dir / "metrics.jsonl", std::ios::app), events_(run_dir) {}

  void write(const io::MetricsLine& line) {
    lines_ << io::to_json_line(line) << '\n' << std::flush;
    if (line.train_loss) {
      events_.scalar("train/loss", line.step, static_cast<float>(*line.train_loss));
      events_.scalar("train/learning_rate", line.step, static_cast<float>(line.lr));
    }
    if (line.eval_loss) {
      events_.scalar("validation/loss", line.step, static_cast<float>(*line.eval_loss));
    }
  }

 private:
  std::ofstream lines_;
  EventWriter events_;
};

/// A plan's learning rate says nothing of the parametrization it was meant for.
void warn_of_learning_rate(const std::vector<io::Experiment>& sweep, const TrainConfig& config) {
  constexpr double kFar = 32.0;  // five octaves
  const model::ParametrizationEntry& entry =
      model::find_parametrization(parametrization_options(config).name);
  for (const io::Experiment& e : sweep) {
    const double eta = tuning_of(config, e.learning_rate, e.architecture->num_layers).learning_rate;
    if (e.sweep_kind != io::kLrTransferSweep &&
        (eta > kFar * entry.usual_lr || eta < entry.usual_lr / kFar)) {
      spdlog::warn(
          "{}: the learning rate is {}, and {} usually wants one near {}; plan with "
          "lr_schedule.base_lr or set trainer.learning_rate.",
          e.experiment_id,
          format_number(eta),
          entry.name,
          format_number(entry.usual_lr));
      return;
    }
  }
}

/// The engine that a run gets, and what it is made of.
struct EngineChoice {
  model::Parametrization parametrization;
  engine::EngineOptions options;
  std::string name;
};

EngineChoice choose_for(const RunRequest& request, const std::string& device) {
  EngineChoice choice{
      .parametrization = model::make_parametrization(*request.experiment.architecture,
                                                     parametrization_options(request.config)),
      .options = engine_options(request.config)};
  choice.options.device = device;
  choice.options.pin_memory = request.config.hardware.pin_memory;
  choice.name = engine::choose_engine(request.config.engine, choice.options);
  return choice;
}

/// Time in a run, and what it spent of the machine: time on two cores counts twice.
class RunClock {
 public:
  explicit RunClock(const LoopCounters& before) : before_(before) {}

  void set_cores(int64_t cores) {
    core_s_ += static_cast<double>(cores_) * seconds_since(since_);
    since_ = Clock::now();
    cores_ = cores;
  }
  [[nodiscard]] double wall_s() const { return before_.wall_s + seconds_since(start_); }
  [[nodiscard]] double core_s() const {
    return before_.core_s + core_s_ + static_cast<double>(cores_) * seconds_since(since_);
  }

 private:
  LoopCounters before_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point since_ = start_;
  int64_t cores_ = 1;
  double core_s_ = 0.0;
};

/// Longest silence between two progress reports.
constexpr double kReportEveryS = 0.5;

/// A training loss of this many times ln(vocab), the loss of guessing, is past recovery.
constexpr double kDivergedFactor = 10.0;

}  // namespace

void check_local(const std::vector<io::Experiment>& sweep, const TrainConfig& config) {
  engine::EngineOptions engine_config = engine_options(config);
  engine_config.device = engine::resolve_device(config.hardware.device);
  const model::ParametrizationOptions parametrization = parametrization_options(config);
  const int64_t vocab = data::planned_vocab_size(config.dataset);
  std::map<std::string, int> engines;
  for (const io::Experiment& e : sweep) {
    if (!e.trainable()) {
      throw error<ConfigError>(
          "{}: experiment {} has no architecture, so there is nothing to train; plan with "
          "ff-plan model.shapes=search, or use mode=mock.",
          config.paths.sweep,
          e.experiment_id);
    }
    const cost::Architecture& arch = *e.architecture;
    if (arch.vocab_size < vocab) {
      throw error<ConfigError>(
          "{}: experiment {} has vocab_size {}, but the dataset's tokenizer has {}; run ff-plan "
          "with the same dataset.* keys as ff-train.",
          config.paths.sweep,
          e.experiment_id,
          arch.vocab_size,
          vocab);
    }
    check_shape(
        config.model, arch, fmt::format("{}: experiment {}", config.paths.sweep, e.experiment_id));
    if (arch.head_size() % 2 != 0 && config.model.pos_encoding == "rotary") {
      throw error<ConfigError>(
          "{}: experiment {} has heads of {} features; rotary positions need an even number.",
          config.paths.sweep,
          e.experiment_id,
          arch.head_size());
    }
    if (arch.seq_len != config.dataset.seq_len) {
      throw error<ConfigError>(
          "{}: experiment {} was planned for dataset.seq_len={}, got {}; run ff-plan with the same "
          "dataset.* keys as ff-train.",
          config.paths.sweep,
          e.experiment_id,
          arch.seq_len,
          config.dataset.seq_len);
    }
    static_cast<void>(
        model::make_parametrization(arch, parametrization));  // refuses what it cannot
    ++engines[engine::choose_engine(config.engine, engine_config)];
  }
  if (config.trainer.learning_rate && sweep.front().sweep_kind == io::kLrTransferSweep) {
    throw error<ConfigError>(
        "trainer.learning_rate: {} is an lr_transfer sweep, which sets each run's; leave it out.",
        config.paths.sweep);
  }
  for (const auto& [name, count] : engines) {
    spdlog::info("engine {}: {} of {} experiments", name, count, sweep.size());
  }
  for (const std::string& note : conversion_notes(config)) {
    spdlog::warn("{}", note);
  }
  warn_of_learning_rate(sweep, config);
}

std::string local_data_identity(const TrainConfig& config) {
  data::ensure_token_cache(config.dataset);
  return data::open_dataset(config.dataset)->identity();
}

RunNeeds local_needs(const RunRequest& request) {
  const cost::Architecture& arch = *request.experiment.architecture;
  const TrainConfig& config = request.config;
  const bool fused =
      choose_for(request, engine::resolve_device(config.hardware.device)).name == "fused";
  return {.memory = engine::predicted_memory(
              arch,
              {.fused = fused,
               .batch_rows = make_schedule(request.experiment, config).batch_size,
               .micro_batches = config.trainer.accumulation_steps,
               .evaluation_tokens = config.evaluation.tokens}),
          // LibTorch's sums depend on how many threads there are, and so would the losses.
          .max_threads = fused ? INT64_MAX : 1};
}

io::RunResult run_local(const RunRequest& request) {
  const io::Experiment& e = request.experiment;
  const TrainerSection& trainer = request.config.trainer;
  const cost::Architecture& arch = *e.architecture;
  const RunSchedule run = make_schedule(e, request.config);
  const std::string device = engine::resolve_device(request.config.hardware.device);
  const double peak = device == "cpu" ? engine::peak_flops_per_s() : 0.0;
  const auto dataset = data::open_dataset(request.config.dataset);
  const data::EvalSet held_out = dataset->eval_set(request.config.evaluation.tokens);
  const EngineChoice choice = choose_for(request, device);
  const auto engine = engine::make_engine(
      choice.name, choice.parametrization, choice.options, static_cast<uint64_t>(run.seed));

  LoopCounters counters;
  if (auto checkpoint = load_checkpoint(request.run_dir, request.config_hash)) {
    counters = checkpoint->counters;
    engine->set_state(checkpoint->state);
  } else {
    std::filesystem::remove(request.run_dir / "metrics.jsonl");
  }
  RunClock clock(counters);
  auto last_checkpoint = Clock::now();
  const auto save = [&] {
    counters.wall_s = clock.wall_s();
    counters.core_s = clock.core_s();
    save_checkpoint(request.run_dir, {request.config_hash, counters, engine->state()});
    last_checkpoint = Clock::now();
  };

  RunLog log(request.run_dir);
  const int64_t step_tokens = run.batch_size * arch.seq_len;
  const double step_flops = cost::train_flops_per_token(arch) * static_cast<double>(step_tokens);
  const int64_t tail_start = run.num_steps - std::max<int64_t>(1, run.num_steps / 10);
  std::vector<int32_t> tokens(static_cast<size_t>(run.batch_size * (arch.seq_len + 1)));
  io::RunResult result = planned_result(request);
  result.num_tokens = run.num_steps * step_tokens;
  result.learning_rate = run.learning_rate;
  if (result.params) {
    result.params->total = choice.parametrization.num_parameters();  // the plan knows no norm gains
  }
  result.device = device;
  result.engine = choice.name;
  result.dtype = request.config.hardware.dtype;

  int64_t threads = 1;
  auto last_report = Clock::now();
  const auto report = [&](double loss) {
    last_report = Clock::now();
    request.on_progress({counters.step, run.num_steps, counters.step * step_tokens, loss});
  };
  report(NAN);  // where this session starts

  while (counters.step < run.num_steps) {
    if (const int64_t wanted = request.num_threads(); wanted != threads) {
      threads = wanted;
      engine->set_num_threads(threads);
      clock.set_cores(threads);
    }
    const int64_t step = counters.step;
    const double factor = lr_factor(step, run, trainer);
    dataset->fill_batch(static_cast<uint64_t>(run.seed), step, run.batch_size, tokens);
    const double loss = engine
                            ->train_step({tokens, run.batch_size, arch.seq_len},
                                         {.learning_rate = run.learning_rate,
                                          .weight_decay = run.weight_decay,
                                          .schedule_factor = factor,
                                          .micro_batches = trainer.accumulation_steps})
                            .loss_nats;
    ++counters.step;
    const double chance = std::log(static_cast<double>(arch.vocab_size));
    if (!std::isfinite(loss) || loss > kDivergedFactor * chance) {
      result.status = "failed";
      result.error_message = fmt::format(
          "diverged at step {} of {}: the training loss is {:.3g}; lower the learning rate ({})",
          counters.step,
          run.num_steps,
          loss,
          format_number(run.learning_rate));
      break;
    }
    counters.log_loss_sum += loss;
    ++counters.log_steps;
    if (step >= tail_start) {
      counters.tail_loss_sum += loss;
      ++counters.tail_steps;
    }
    const bool last = counters.step == run.num_steps;
    const bool evaluate_now =
        !last && trainer.eval_every > 0 && counters.step % trainer.eval_every == 0;
    if (last || evaluate_now || counters.step % trainer.log_every == 0) {
      io::MetricsLine line{
          .step = counters.step,
          .tokens = counters.step * step_tokens,
          .flops = static_cast<double>(counters.step) * step_flops,
          .train_loss = counters.log_loss_sum / static_cast<double>(counters.log_steps),
          .lr = run.learning_rate * factor};
      counters.log_loss_sum = 0.0;
      counters.log_steps = 0;
      if (evaluate_now || last) {
        const HeldOutLoss final = evaluate(*engine, held_out);
        line.eval_loss = final.mean_nats;
        result.final_loss = final.mean_nats;
        result.loss_stderr = final.stderr_nats;
        result.bits_per_byte = final.bits_per_byte;
      }
      log.write(line);
      report(*line.train_loss);
    } else if (seconds_since(last_report) >= kReportEveryS) {
      report(counters.log_loss_sum / static_cast<double>(counters.log_steps));
    }
    if (stop_signal() != 0 && !last) {
      save();
      throw Interrupted();
    }
    if (trainer.checkpoint_every_s > 0 && !last &&
        seconds_since(last_checkpoint) >= trainer.checkpoint_every_s) {
      save();
    }
  }

  const double wall_s = clock.wall_s();
  result.actual_flops = static_cast<double>(counters.step) * step_flops;
  result.wall_time_s = wall_s;
  result.core_s = clock.core_s();
  result.tokens_per_second = static_cast<double>(counters.step * step_tokens) / wall_s;
  if (peak > 0) {
    result.mfu = result.actual_flops / *result.core_s / peak;
  }
  result.timestamp = utc_timestamp();
  if (result.status == "failed") {
    result.final_loss.reset();
    return result;
  }
  if (!std::isfinite(result.final_loss.value_or(NAN))) {
    result.status = "failed";
    result.error_message = "the held-out loss is not finite";
    result.final_loss.reset();
    return result;
  }
  result.train_loss = counters.tail_loss_sum / static_cast<double>(counters.tail_steps);
  result.floor_nats = held_out.floor_nats;
  result.status = "completed";
  return result;
}

}  // namespace ff::train
