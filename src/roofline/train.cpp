// SPDX-License-Identifier: MIT
// train: what training a model costs, per token and in all, and what memory it takes.
#include "parts.h"

#include "flops_fit/roofline/table.h"
#include "flops_fit/util/terminal.h"
#include "flops_fit/util/units.h"

namespace ff::roofline {
namespace {

using cost::Num;
using io::Json;

/// The sequence length: as given, or as the config says.
int64_t sequence_length(const RooflineConfig& config, const Call& call, const Model& model) {
  if (call.given.contains("input_tokens")) {
    if (config.input_tokens.size() != 1) {
      throw error<ConfigError>("input_tokens: train takes one sequence length, found {}.",
                               config.input_tokens.size());
    }
    return config.input_tokens.front();
  }
  if (model.spec->seq_len == 0) {
    throw error<ConfigError>("train: --seq-len S: say how long a sequence is; {} does not.",
                             model.path);
  }
  return model.spec->seq_len;
}

Json flops_json(const cost::TrainFlops& flops, int64_t seq_len) {
  Json out = {{"fwd_per_token", count_json(flops.forward / seq_len)},
              {"bwd_per_token", count_json(flops.backward / seq_len)},
              {"train_per_token", count_json(flops.total() / seq_len)}};
  if (!(flops.again == Num(0))) {
    out["again_per_token"] = count_json(flops.again / seq_len);
  }
  return out;
}

std::string count_text(const Num& count) {
  return fmt::format("{} ({})", count_json(count).dump(), format_count(count.to_double()));
}

}  // namespace

Report train(const RooflineConfig& config, const Call& call) {
  const Model model = load_config(only_operand(call, "a config.json"));
  const cost::ModelSpec& spec = *model.spec;
  const int64_t seq_len = sequence_length(config, call, model);
  if (config.tokens && config.budget) {
    throw ConfigError("tokens, budget: give one of the two; the other follows.");
  }
  if (config.hardware.empty()) {
    refuse_given(call, {"precision"}, "has no meaning without --hardware");
  }
  const auto count = [&](bool causal) {
    return cost::train_flops(spec,
                             seq_len,
                             {.causal = causal,
                              .mask_tile = config.mask_tile,
                              .recompute = config.recompute,
                              .remake_scores = config.remake_scores});
  };
  const bool causal = config.mask == "causal";
  const cost::TrainFlops chosen = count(causal);
  const double per_token = (chosen.total() / seq_len).to_double();
  const cost::ParamTotals params = cost::param_totals(spec);
  const Num matmul_params = cost::matmul_params(spec);
  const double total = params.total.to_double();

  Report out;
  out.json = {{"profile", "exact"},
              {"config", model.path},
              {"model", spec.name},
              {"model_type", spec.model_type},
              {"seq_len", seq_len},
              {"mask", config.mask},
              {"mask_tile", config.mask_tile},
              {"recompute", config.recompute},
              {"remake_scores", config.remake_scores},
              {"params_total", count_json(params.total)},
              {"params_active", count_json(params.active)},
              {"params_body", count_json(params.body())},
              {"params_embedding", count_json(params.embedding)},
              {"params_head", count_json(params.head)},
              {"full", flops_json(count(false), seq_len)},
              {"causal", flops_json(count(true), seq_len)},
              {"flops_per_token", per_token}};
  const auto six_n = [&](const char* key, const char* name, const Num& n) {
    out.json["flops_6n_per_token"][key] = count_json(n * 6);
    return fmt::format("  6N, N = {:<28} {:>12}   {:.3f} of the exact count\n",
                       name,
                       format_flops(6 * n.to_double()),
                       6 * n.to_double() / per_token);
  };
  out.text = fmt::format(
      "{}: {} parameters; {} in the blocks, {} in the embedding, {} in the head{}\n\n"
      "Training FLOPs per token (matrix products), sequences of {}, mask={}\n"
      "  forward {}\n  backward {}\n{}  in all {}\n",
      printable_text(spec.name),
      count_text(params.total),
      format_count(params.body().to_double()),
      format_count(params.embedding.to_double()),
      format_count(params.head.to_double()),
      spec.tied_head ? " (tied)" : "",
      seq_len,
      config.mask,
      count_text(chosen.forward / seq_len),
      count_text(chosen.backward / seq_len),
      chosen.again == Num(0)
          ? ""
          : fmt::format("  computed again {}\n", count_text(chosen.again / seq_len)),
      count_text(chosen.total() / seq_len));
  out.text += six_n("total", "all parameters", params.total) +
              six_n("matmul", "those in a token's products", matmul_params) +
              six_n("body", "blocks", params.body());

  const double tokens = config.tokens.value_or(config.budget.value_or(0.0) / per_token);
  if (tokens > 0) {
    out.json["tokens"] = tokens;
    out.json["flops_exact"] = tokens * per_token;
    out.json["flops_6nd"] = {{"total", 6 * total * tokens},
                             {"matmul", 6 * matmul_params.to_double() * tokens},
                             {"body", 6 * params.body().to_double() * tokens}};
    out.json["tokens_per_param"] = tokens / total;
    out.text += fmt::format(
        "\nD = {} tokens, C = {} FLOPs, {:.3g} tokens per parameter; 6ND "
        "(total) would say {}\n",
        format_count(tokens),
        format_flops(tokens * per_token),
        tokens / total,
        format_flops(6 * total * tokens));
  }

  RooflineConfig step = config;
  step.input_tokens = {seq_len};
  step.cached_tokens = {0};
  step.logits = "all";
  step.w_bit = 32;  // of the weights that AdamW updates
  const cost::Workload workload = workload_of(step, model);
  const cost::TrainMemory memory = cost::train_memory(spec, workload);
  out.json["batch_size"] = workload.queries.size();
  out.json["memory"] = {{"weights", count_json(memory.weights)},
                        {"gradients", count_json(memory.gradients)},
                        {"moments", count_json(memory.moments)},
                        {"activations", count_json(memory.activations)},
                        {"activations_recomputed", count_json(memory.activations_recomputed)}};
  const auto gib = [](const Num& bytes) { return with_iec_prefix(bytes.to_double()); };
  out.text += fmt::format(
      "\nMemory of training {} of these sequences at once (AdamW, 16 bytes per parameter; "
      "activations of {} bits)\n"
      "  weights {}, gradients {}, moments {}\n"
      "  activations {}; {} if blocks are computed again\n"
      "  in all {}; {}\n",
      workload.queries.size(),
      (workload.a_bytes * 8).to_string(),
      gib(memory.weights),
      gib(memory.gradients),
      gib(memory.moments),
      gib(memory.activations),
      gib(memory.activations_recomputed),
      gib(memory.fixed() + memory.activations),
      gib(memory.fixed() + memory.activations_recomputed));
  if (!config.hardware.empty() || config.peak_flops) {
    const cost::Hardware hardware =
        config.hardware.empty() ? cost::Hardware{} : hardware_of(config, call);
    const Peak peak = peak_for(config, hardware, model, workload);
    const double seconds_per_token = per_token / peak.flops_per_s;
    out.json["hardware"] = hardware.name;
    out.json["precision"] = peak.precision;
    out.json["peak_flops"] = peak.flops_per_s;
    out.json["seconds_per_token_at_peak"] = seconds_per_token;
    out.text += fmt::format("\nAt the peak of {}, {} FLOP/s, one does {} tokens/s",
                            hardware.name.empty() ? "the machine" : printable_text(hardware.name),
                            format_flops(peak.flops_per_s),
                            format_count(1 / seconds_per_token));
    if (tokens > 0) {
      out.json["seconds_at_peak"] = tokens * seconds_per_token;
      out.text += fmt::format(" and is done in {}; at a utilisation of 40%, in {}",
                              format_duration(tokens * seconds_per_token),
                              format_duration(tokens * seconds_per_token / 0.4));
    }
    out.text += "\n";
  }
  return out;
}

}  // namespace ff::roofline
