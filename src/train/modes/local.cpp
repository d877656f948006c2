// SPDX-License-Identifier: MIT
// mode=local: the training loop of one experiment.
#include "modes/modes.h"
#include "training_loop.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/data/dataset.h"
#include "flops_fit/data/tokenize.h"
#include "flops_fit/engine/cpu.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/train/checkpoint.h"
#include "flops_fit/train/model_config.h"
#include "flops_fit/train/schedule.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/long_work.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <cmath>
#include <map>
#include <memory>

namespace ff::train {
namespace {

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

/// At a rate of 0 a run would train nothing, and its loss would count all the same.
void check_learning_rate(const io::Experiment& e, const TrainConfig& config) {
  if (config.trainer.learning_rate && !(*config.trainer.learning_rate > 0)) {
    throw error<ConfigError>(
        "trainer.learning_rate={}: give a positive one, or null for the plan's.",
        format_number(*config.trainer.learning_rate));
  }
  if (!config.trainer.learning_rate && !(e.learning_rate > 0)) {
    throw error<ConfigError>(
        "{}: experiment {} has no learning_rate; plan with ff-plan, or set trainer.learning_rate.",
        config.paths.sweep,
        e.experiment_id);
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

/// Throws Interrupted, too: shards that have to be read again may take long.
std::unique_ptr<data::Dataset> open_data(const RunRequest& request) {
  try {
    return data::open_dataset(request.config.dataset, request.data_identity);
  } catch (const StoppedError&) {
    throw Interrupted();
  }
}

/// Tries once, from a checkpoint if there is one; `diverged` are the rates tried before.
io::RunResult train_once(const RunParts& parts,
                         const engine::EngineOptions& options,
                         std::vector<double> diverged,
                         std::optional<Checkpoint> from) {
  const RunRequest& request = parts.request;
  TrainingLoop loop(parts,
                    engine::make_engine(parts.engine_name,
                                        parts.parametrization,
                                        options,
                                        static_cast<uint64_t>(parts.schedule.seed)),
                    std::move(diverged),
                    std::move(from));
  io::RunResult result = loop.train();
  if (!parts.dataset.unchanged()) {
    remove_checkpoint(request.run_dir);  // of what was read, nobody knows from when
    throw error<Error>(
        "the corpus changed while the run trained on it; start ff-train again once it is as it "
        "shall be.");
  }
  if (result.completed() && request.config.output.keep_weights) {
    save_weights(
        request.run_dir / "weights.safetensors", parts.parametrization.tensors, loop.weights());
  }
  return result;
}

/// Whether models of this kind have gains in their norms, of whatever shape they are.
bool has_gains(const model::ParametrizationOptions& options) {
  constexpr cost::Architecture kAny{
      .d_model = 8, .num_layers = 1, .num_heads = 1, .d_ff = 8, .vocab_size = 8, .seq_len = 8};
  return model::make_parametrization(kAny, options).has_gains();
}

/// All but norm_gain; u-mup and sp have no base.
io::Json to_json(const model::ParametrizationOptions& options) {
  const bool has_base = options.name == "mup" || options.name == "mup-legacy";
  return {{"alphas",
           {options.alphas.res,
            options.alphas.res_attn_ratio,
            options.alphas.attn_softmax,
            options.alphas.ffn_act,
            options.alphas.loss_softmax}},
          {"lr", {options.lr.embedding, options.lr.hidden, options.lr.norm, options.lr.output}},
          {"mlp_to_output_scale", options.mlp_to_output_scale},
          {"base_width", has_base ? options.base_width : 0},
          {"base_width_wd", has_base ? options.base_width_wd : 0},
          {"base_std", has_base && options.base_std ? io::Json(*options.base_std) : io::Json()}};
}

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
          "{}: experiment {} has no {}, so there is nothing to train; plan with "
          "ff-plan model.shapes=search, or use mode=mock.",
          config.paths.sweep,
          e.experiment_id,
          e.architecture ? "num_steps" : "architecture");
    }
    check_learning_rate(e, config);
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
  if (config.trainer.diverged_retries > 0 && sweep.front().sweep_kind == io::kLrTransferSweep) {
    throw error<ConfigError>(
        "trainer.diverged_retries: {} is an lr_transfer sweep, where a learning rate that diverges "
        "is an answer; leave it 0.",
        config.paths.sweep);
  }
  static_cast<void>(checkpoint_interval(config.trainer.checkpoint_every));
  for (const auto& [name, count] : engines) {
    spdlog::info("engine {}: {} of {} experiments", name, count, sweep.size());
  }
  for (const std::string& note : conversion_notes(config)) {
    spdlog::warn("{}", note);
  }
  warn_of_learning_rate(sweep, config);
}

std::string local_data_identity(const TrainConfig& config) {
  return data::prepare_dataset(config.dataset)->identity();
}

std::string local_config_identity(const TrainConfig& config) {
  TrainConfig decides = config;
  decides.dataset = {};  // data_identity() knows the contents, wherever they lie
  decides.mock = {};
  engine::EngineOptions options = engine_options(config);
  options.device = engine::resolve_device(config.hardware.device);
  decides.engine = engine::choose_engine(config.engine, options);
  decides.hardware.device = options.device;
  // In the schedule that trained() gives.
  decides.trainer.batch_size.reset();
  decides.trainer.learning_rate.reset();
  decides.trainer.warmup_ratio.reset();
  decides.trainer.weight_decay = 0.0;
  decides.trainer.seed.reset();
  if (config.trainer.scheduler != "wsd") {
    decides.trainer.decay_fraction = 0.0;
  }
  if (!options.rotary) {
    decides.model.rope_base = 1.0;
  }
  // What the parametrization is made of, whichever keys said so.
  const model::ParametrizationOptions made_of = parametrization_options(config);
  decides.model.parametrization = made_of.name;
  decides.model.norm_gain = has_gains(made_of);
  decides.umup = {};
  decides.lr_mult = {};
  return config::identity_yaml(decides) + io::json_text(to_json(made_of));
}

io::Json local_trained(const io::Experiment& experiment, const TrainConfig& config) {
  const RunSchedule run = make_schedule(experiment, config);
  return {{"architecture", io::to_json(*experiment.architecture)},
          {"batch_size", run.batch_size},
          {"num_steps", run.num_steps},
          {"warmup_steps", run.warmup_steps},
          {"learning_rate", run.learning_rate},
          {"weight_decay", run.weight_decay},
          {"seed", run.seed}};
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
  const std::string device = engine::resolve_device(request.config.hardware.device);
  const auto dataset = open_data(request);
  const data::EvalSet held_out = dataset->eval_set(request.config.evaluation.tokens);
  const EngineChoice choice = choose_for(request, device);
  const TrainerSection& trainer = request.config.trainer;
  auto from = load_checkpoint(request.run_dir, choice.parametrization.tensors, request.config_hash);
  std::vector<double> diverged =
      from ? from->counters.diverged_learning_rates : std::vector<double>();
  for (;;) {
    RunParts parts{.request = request,
                   .schedule = make_schedule(request.experiment, request.config),
                   .dataset = *dataset,
                   .held_out = held_out,
                   .parametrization = choice.parametrization,
                   .device = device,
                   .engine_name = choice.name,
                   .peak_flops_per_s = device == "cpu" ? engine::peak_flops_per_s() : 0.0};
    const auto retries = static_cast<int64_t>(diverged.size());
    parts.schedule.learning_rate *=
        std::pow(trainer.diverged_lr_factor, static_cast<double>(retries));
    const io::RunResult result = train_once(parts, choice.options, diverged, std::move(from));
    if (result.status != io::kDiverged || retries >= trainer.diverged_retries) {
      return result;
    }
    diverged.push_back(parts.schedule.learning_rate);
    from.reset();
    remove_checkpoint(request.run_dir);
  }
}

}  // namespace ff::train
