// SPDX-License-Identifier: MIT
#include "flops_fit/train/model_config.h"

#include "flops_fit/data/dataset.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/units.h"

#include <cmath>
#include <optional>

namespace ff::train {
namespace {

// The model of the tools where the configuration says nothing; the planner's default shape.
constexpr int64_t kWidth = 64;
constexpr int64_t kHeadSize = 8;

std::string parametrization_name(const TrainConfig& config) {
  return config.umup.enabled ? config.model.parametrization : "sp";
}

/// Keys of the Python tool's recipe, under a parametrization that has no place for them.
void check_legacy_keys(const TrainConfig& config, const std::string& name) {
  const UmupSection& umup = config.umup;
  const auto refuse = [](const char* key, const std::string& why) {
    throw error<ConfigError>("{}: {}.", key, why);
  };
  if (name == "u-mup") {
    if (umup.base_width && !config.trainer.learning_rate) {
      refuse(
          "umup.base_width",
          "u-mup has no base width; it only converts a trainer.learning_rate of the Python tool, "
          "and none is given (the plan's is u-mup's own); leave it out");
    }
    if (umup.base_width_wd && !umup.base_width) {
      refuse("umup.base_width_wd",
             "u-mup's weight decay does not depend on width; give umup.base_width and "
             "trainer.learning_rate too, to convert trainer.weight_decay, or leave it out");
    }
  } else if (name == "sp") {
    const std::string why =
        "sp has no base to scale from; leave it out, or set "
        "model.parametrization=mup";
    if (umup.base_width) {
      refuse("umup.base_width", why);
    }
    if (umup.base_width_wd) {
      refuse("umup.base_width_wd", why);
    }
    if (umup.base_std) {
      refuse("umup.base_std", why);
    }
  } else if (name == "mup" && umup.base_width_wd) {
    refuse("umup.base_width_wd", "mup's weight decay does not depend on width; leave it out");
  }
  if (umup.no_decay_lr_mult && (config.lr_mult.embedding != 1.0 || config.lr_mult.norm != 1.0)) {
    refuse("umup.no_decay_lr_mult",
           "it is the Python tool's name of lr_mult.embedding and lr_mult.norm, which are given "
           "too; leave it out");
  }
}

}  // namespace

model::ParametrizationOptions parametrization_options(const TrainConfig& config) {
  const UmupSection& umup = config.umup;
  const std::string name = parametrization_name(config);
  check_legacy_keys(config, name);
  model::ParametrizationOptions options{
      .name = name,
      .alphas = {.res = umup.alpha_res,
                 .res_attn_ratio = umup.alpha_res_attn_ratio,
                 .attn_softmax = umup.alpha_attn_softmax,
                 .ffn_act = umup.alpha_ffn_act,
                 .loss_softmax = umup.alpha_loss_softmax},
      .lr = {.embedding = config.lr_mult.embedding,
             .hidden = config.lr_mult.hidden,
             .norm = config.lr_mult.norm,
             .output = config.lr_mult.output},
      .norm_gain = config.model.norm_gain,
      .mlp_to_output_scale = umup.mlp_constraint == "to_output_scale",
      .base_std = umup.base_std};
  options.base_width = umup.base_width.value_or(options.base_width);
  options.base_width_wd = umup.base_width_wd.value_or(options.base_width_wd);
  if (umup.no_decay_lr_mult) {
    // mup-legacy has the Python tool's 0.1 in its table already.
    const double built_in = name == "mup-legacy" ? 0.1 : 1.0;
    options.lr.embedding = options.lr.norm = *umup.no_decay_lr_mult / built_in;
  }
  return options;
}

engine::EngineOptions engine_options(const TrainConfig& config) {
  return {.rotary = config.model.pos_encoding == "rotary",
          .rope_base = config.model.rope_base,
          .optimizer = {.beta1 = config.trainer.adam_beta1,
                        .beta2 = config.trainer.adam_beta2,
                        .eps = config.trainer.adam_eps,
                        .max_grad_rms = config.trainer.max_grad_norm},
          .bf16_products = config.hardware.dtype == "bfloat16"};
}

Tuning tuning_of(const TrainConfig& config, double planned_lr, int64_t num_layers) {
  const UmupSection& umup = config.umup;
  const TrainerSection& trainer = config.trainer;
  Tuning tuning{.learning_rate = trainer.learning_rate.value_or(planned_lr),
                .weight_decay = trainer.weight_decay};
  if (parametrization_name(config) != "u-mup" || !umup.base_width || !trainer.learning_rate) {
    return tuning;
  }
  const auto base_width = static_cast<double>(*umup.base_width);
  // Equal absolute decay of the effective hidden weight per step, and about its equal update.
  if (umup.base_width_wd) {
    tuning.weight_decay *=
        *trainer.learning_rate * base_width / static_cast<double>(*umup.base_width_wd);
  }
  tuning.learning_rate *= base_width * std::sqrt(static_cast<double>(num_layers));
  return tuning;
}

std::vector<std::string> conversion_notes(const TrainConfig& config) {
  const UmupSection& umup = config.umup;
  const std::string name = parametrization_name(config);
  std::vector<std::string> notes;
  if (name == "u-mup" && umup.base_std) {
    notes.push_back(
        "umup.base_std: u-mup starts at unit scale; there is nothing to set, and it is "
        "not used.");
  }
  if (name == "u-mup" && umup.base_width && config.trainer.learning_rate) {
    notes.push_back(fmt::format(
        "umup.base_width: trainer.learning_rate={} becomes eta = {} sqrt(layers), a first guess "
        "(u-mup's best eta is near 1): sweep it once, or leave both out.",
        format_number(*config.trainer.learning_rate),
        format_number(tuning_of(config, 0.0, 1).learning_rate)));
  }
  if (name == "u-mup" && umup.base_width_wd && umup.base_width) {
    notes.push_back(fmt::format("umup.base_width_wd: trainer.weight_decay={} becomes {} per step.",
                                format_number(config.trainer.weight_decay),
                                format_number(tuning_of(config, 0.0, 1).weight_decay)));
  }
  if (umup.no_decay_lr_mult) {
    notes.push_back(
        fmt::format("umup.no_decay_lr_mult={} sets lr_mult.embedding and lr_mult.norm{}.",
                    format_number(*umup.no_decay_lr_mult),
                    name == "u-mup" ? "; u-mup itself wants 1" : ""));
  }
  return notes;
}

cost::Architecture configured_architecture(const TrainConfig& config, int64_t d_model) {
  const ModelSection& model = config.model;
  const int64_t head_size = model.head_size.value_or(
      model.num_heads && model.d_model ? std::max<int64_t>(1, *model.d_model / *model.num_heads)
                                       : kHeadSize);
  if (d_model % head_size != 0) {
    throw error<ConfigError>(
        "a width of {} is not a multiple of the head size {}; change model.head_size or the "
        "widths.",
        d_model,
        head_size);
  }
  if (head_size % 2 != 0 && model.pos_encoding == "rotary") {
    throw error<ConfigError>(
        "model.head_size: rotary positions need an even number, found {}; or set "
        "model.pos_encoding=none.",
        head_size);
  }
  return {
      .d_model = d_model,
      .num_layers = model.num_layers.value_or(2),
      .num_heads = d_model / head_size,
      .d_ff = model.d_ff.value_or(cost::mlp_width(d_model, model.ffn_ratio.value_or(4.0))),
      .vocab_size = model.vocab_size ? *model.vocab_size : data::planned_vocab_size(config.dataset),
      .seq_len = config.dataset.seq_len};
}

cost::Architecture configured_architecture(const TrainConfig& config) {
  const cost::Architecture arch =
      configured_architecture(config, config.model.d_model.value_or(kWidth));
  check_shape(config.model, arch, "--show-parametrization");  // keys that contradict each other
  return arch;
}

void check_shape(const ModelSection& model,
                 const cost::Architecture& planned,
                 const std::string& where) {
  const auto compare = [&](const char* key, std::optional<int64_t> given, int64_t is) {
    if (given && *given != is) {
      throw error<ConfigError>(
          "model.{}={}: {} has {}; shapes come from ff-plan, so plan with "
          "the same model.* keys or leave it out.",
          key,
          *given,
          where,
          is);
    }
  };
  compare("d_model", model.d_model, planned.d_model);
  compare("num_layers", model.num_layers, planned.num_layers);
  compare("num_heads", model.num_heads, planned.num_heads);
  compare("head_size", model.head_size, planned.head_size());
  compare("vocab_size", model.vocab_size, planned.vocab_size);
  compare("d_ff", model.d_ff, planned.d_ff);
  if (model.ffn_ratio && cost::mlp_width(planned.d_model, *model.ffn_ratio) != planned.d_ff) {
    throw error<ConfigError>(
        "model.ffn_ratio={}: {} has d_ff {} at d_model {}; shapes come from "
        "ff-plan, so plan with the same model.* keys or leave it out.",
        format_number(*model.ffn_ratio),
        where,
        planned.d_ff,
        planned.d_model);
  }
}

}  // namespace ff::train
