// SPDX-License-Identifier: MIT
#include "model/ladder.h"

#include "model/plain_gpt.h"
#include "model/synthetic.h"

#include "flops_fit/train/coord_check.h"

#include <fmt/format.h>

#include <cmath>

namespace ff::test {
namespace {

using io::Json;
using model::Gpt;
using model::Parametrization;
using model::TensorRule;
using torch::Tensor;

/// G4: the losses and weights of AdamW under a schedule.
std::string check_adamw(const Mutant& mutant) {
  const Json start = read_golden("decoder_rope.json", "cases").at(0);
  const Json golden = read_golden("adamw_schedule.json");
  const Gpt gpt = golden_model(start, mutant.table);
  engine::AdamW adamw(gpt.parametrization(),
                      {.beta1 = golden.at("betas").at(0),
                       .beta2 = golden.at("betas").at(1),
                       .eps = golden.at("eps")},
                      gpt.flat_weights());
  const GoldenBatch batch = golden_batch(start);
  size_t step = 0;
  for (const double factor : golden.at("schedule_factors")) {
    gpt.flat_grads().zero_();
    const Tensor loss = gpt.loss(batch.ids, batch.targets);
    const double expected = golden.at("losses").at(step).get<double>();
    if (std::abs(loss.item<double>() - expected) > 1e-8) {
      return fmt::format(
          "loss {} before step {}, expected {}", loss.item<double>(), step, expected);
    }
    loss.backward();
    static_cast<void>(adamw.step(gpt.flat_weights(),
                                 gpt.flat_grads(),
                                 {.learning_rate = golden.at("lr"),
                                  .weight_decay = golden.at("weight_decay"),
                                  .schedule_factor = factor}));
    mutant.after_step(adamw);
    ++step;
  }
  for (size_t i = 0; i < gpt.weights().size(); ++i) {
    const std::string name = golden_name(gpt.parametrization().tensors[i].name);
    const Tensor weight = gpt.weights()[i].detach();
    const auto close = [](double x, double ref) {
      return std::abs(x - ref) < 1e-7 + 1e-8 * std::abs(ref);
    };
    if (golden.at("weights_after").contains(name) &&
        excess(weight, tensor_of(golden.at("weights_after").at(name))) > 1e-8) {
      return name + " differs after the last step";
    }
    if (!close(weight.sum().item<double>(), golden.at("sum_after").at(name)) ||
        !close(weight.square().sum().item<double>(), golden.at("sumsq_after").at(name))) {
      return name + ": its sum or sum of squares differs after the last step";
    }
  }
  return "";
}

/// G5: learning rate and decay of every tensor of three shapes.
std::string check_lr_table(const Mutant& mutant) {
  for (const Json& golden : read_golden("lr_multipliers.json", "models")) {
    Parametrization p = model::make_parametrization({.d_model = golden.at("d_model"),
                                                     .num_layers = golden.at("n_layers"),
                                                     .num_heads = 4,
                                                     .d_ff = golden.at("d_ff"),
                                                     .vocab_size = golden.at("vocab"),
                                                     .seq_len = 64},
                                                    {.norm_gain = true});
    mutant.table(p);
    size_t found = 0;
    for (const Json& one : golden.at("params")) {
      for (const TensorRule& rule : p.tensors) {
        if (golden_name(rule.name) != one.at("name")) {
          continue;
        }
        ++found;
        const double lr = golden.at("base_lr").get<double>() * rule.lr;
        const double decay = golden.at("base_weight_decay").get<double>() * rule.weight_decay *
                             (p.decay_times_lr ? lr : 1.0);
        const double expected_lr = one.at("lr");
        const double expected_decay = expected_lr * one.at("weight_decay").get<double>();
        if (rule.shape != one.at("shape").get<std::vector<int64_t>>()) {
          return rule.name + ": another shape";
        }
        if (std::abs(lr / expected_lr - 1) > 1e-10 || std::abs(decay / expected_decay - 1) > 1e-9) {
          return fmt::format(
              "d_model {}: {} has learning rate {} and decay {} per step, expected {} "
              "and {}",
              p.architecture.d_model,
              rule.name,
              lr,
              decay,
              expected_lr,
              expected_decay);
        }
      }
    }
    // The golden list has the first layer of each model and what stands outside the layers.
    if (found != golden.at("params").size()) {
      return "tensors are missing";
    }
  }
  return "";
}

/// P1: the model's gradients are the true ones times the closed form's constants.
std::string check_gradient_ratios(const Mutant& mutant) {
  std::mt19937 random(5);
  for (int trial = 0; trial < 6; ++trial) {
    const auto pick = [&](std::initializer_list<int64_t> choices) {
      return choices.begin()[random() % choices.size()];
    };
    const auto alpha = [&] { return std::exp2(static_cast<double>(random() % 5) / 2.0 - 1.0); };
    const int64_t head = pick({2, 4, 6});
    const int64_t heads = pick({1, 2, 3});
    const cost::Architecture arch{.d_model = head * heads,
                                  .num_layers = pick({1, 2, 3}),
                                  .num_heads = heads,
                                  .d_ff = pick({5, 16, 24}),
                                  .vocab_size = pick({11, 23}),
                                  .seq_len = pick({2, 5, 9})};
    const model::ParametrizationOptions options{.alphas = {.res = alpha(),
                                                           .res_attn_ratio = alpha(),
                                                           .attn_softmax = alpha(),
                                                           .ffn_act = alpha(),
                                                           .loss_softmax = alpha()},
                                                .norm_gain = trial % 2 == 0,
                                                .mlp_to_output_scale = trial % 3 == 0};
    const Parametrization intact = model::make_parametrization(arch, options);
    Parametrization p = intact;
    mutant.table(p);
    const Gpt gpt(p, {.dtype = torch::kFloat64}, static_cast<uint64_t>(trial));
    const Tensor ids = torch::randint(arch.vocab_size, {3, arch.seq_len}, torch::kInt64);
    Tensor targets = torch::randint(arch.vocab_size, {3, arch.seq_len}, torch::kInt64);
    targets.select(1, 0).fill_(-1);

    gpt.loss(ids, targets).backward();
    const std::vector<Tensor> plain = copies(gpt.weights());
    plain_loss(p, plain, ids, targets).backward();
    for (size_t i = 0; i < plain.size(); ++i) {
      const double rows = static_cast<double>(ids.numel());
      const double expected = gradient_ratio(intact.tensors[i], intact, options, rows, rows - 3.0);
      const Tensor ours = gpt.weights()[i].grad();
      const Tensor scaled = plain[i].grad() * expected;
      const double spread =
          (ours - scaled).abs().max().item<double>() / scaled.abs().max().item<double>();
      if (!(spread < 1e-6)) {
        return fmt::format(
            "trial {}: the gradient of {} is not {:.6g} times the true one (off by "
            "{:.2g} of its maximum)",
            trial,
            intact.tensors[i].name,
            expected,
            spread);
      }
    }
  }
  return "";
}

/// S1: unit scale at initialisation, at every width.
std::string check_unit_scale(const Mutant& mutant) {
  const std::vector<int64_t> widths = {32, 128, 512};
  std::map<std::string, std::vector<double>> values;
  for (size_t w = 0; w < widths.size(); ++w) {
    const int64_t width = widths[w];
    Parametrization p = model::make_parametrization({.d_model = width,
                                                     .num_layers = 4,
                                                     .num_heads = width / 16,
                                                     .d_ff = 2 * width,
                                                     .vocab_size = MixtureTask::kVocab,
                                                     .seq_len = 32},
                                                    {});
    mutant.table(p);
    for (uint64_t seed = 0; seed < 3; ++seed) {
      const Gpt gpt(p, {}, seed);
      std::vector<int32_t> buffer(8 * 33);
      MixtureTask().fill(seed, 0, 32, buffer);
      const Tensor tokens = torch::tensor(buffer, torch::kInt64).view({8, 33});
      const auto add = [&](const std::string& name, const Tensor& x) {
        auto& list = values[name];
        list.resize(widths.size());
        list[w] += std::sqrt(x.square().mean().item<double>()) / 3.0;
      };
      static_cast<void>(gpt.forward(
          tokens.narrow(1, 0, 32),
          [&](std::string_view name, const Tensor& x) { add(std::string(name), x.detach()); }));
      gpt.loss(tokens.narrow(1, 0, 32).contiguous(), tokens.narrow(1, 1, 32).contiguous())
          .backward();
      for (size_t i = 0; i < gpt.weights().size(); ++i) {
        add("weight " + p.tensors[i].name, gpt.weights()[i].detach());
        add("gradient " + p.tensors[i].name, gpt.weights()[i].grad());
      }
    }
  }
  for (const auto& [name, sizes] : values) {
    const double slope = std::log2(sizes.back() / sizes.front()) / 4.0;  // 32 to 512
    if (name == "logits") {
      // They start as 1/sqrt(width): .176 at 32.
      if (std::abs(slope + 0.5) > 0.07 || sizes.front() < 0.12 || sizes.front() > 0.25) {
        return fmt::format("logits start at {:.3g} and go as width^{:.2f}", sizes.front(), slope);
      }
      continue;
    }
    const bool is_weight = name.starts_with("weight ");
    const double low = is_weight ? 0.95 : 0.5;
    const double high = is_weight ? 1.05 : 2.5;
    for (const double size : sizes) {
      if (!(size > low && size < high)) {
        return fmt::format("{} has a root mean square of {:.3g}", name, size);
      }
    }
    if (std::abs(slope) > 0.05) {
      return fmt::format("{} goes as width^{:.3f}", name, slope);
    }
  }
  return "";
}

/// S2: the coordinate check with a constant embedding learning rate.
std::string check_coordinates(const Mutant& mutant) {
  const MixtureTask task;
  train::CoordProblem problem{
      .widths = {32, 64, 128, 256, 512},
      .seeds = 3,
      .steps = 5,
      .learning_rate = 0.5,
      .num_threads = 2,
      .make_model =
          [&](int64_t width) {
            Parametrization p = model::make_parametrization({.d_model = width,
                                                             .num_layers = 2,
                                                             .num_heads = width / 16,
                                                             .d_ff = 2 * width,
                                                             .vocab_size = MixtureTask::kVocab,
                                                             .seq_len = 32},
                                                            {});
            mutant.table(p);
            p.tensors.front().lr = 1.0;
            return p;
          },
      .fill_batch = [&](uint64_t seed,
                        int64_t step,
                        std::span<int32_t> tokens) { task.fill(seed, step, 32, tokens); }};
  const auto problems =
      train::out_of_bounds(train::coordinate_curves(problem), train::kFlatBounds, 0.0);
  return problems.empty() ? "" : problems.front();
}

}  // namespace

std::string check_decoder(const Json& cases, const Mutant& mutant, torch::Dtype dtype) {
  const double loss_tolerance = dtype == torch::kFloat64 ? 1e-9 : 2e-6;
  for (const Json& one : cases) {
    const std::string where = one.at("name").get<std::string>() + ": ";
    const Gpt gpt = golden_model(one, mutant.table, dtype);
    const auto [ids, targets] = golden_batch(one);
    std::string problem;
    const Tensor logits = gpt.forward(ids, [&](std::string_view name, const Tensor& x) {
      // "layers.0.after_attn" is "l0_after_attn" there.
      std::string theirs = name == "embedding" ? "emb" : std::string(name);
      if (theirs.starts_with("layers.")) {
        theirs = "l" + theirs.substr(7, theirs.find('.', 7) - 7) + "_" +
                 theirs.substr(theirs.find('.', 7) + 1);
      }
      if (problem.empty() && one.contains("activations") &&
          one.at("activations").contains(theirs) &&
          excess(x, tensor_of(one.at("activations").at(theirs), dtype)) > 0) {
        problem = fmt::format("{}activation {} differs", where, name);
      }
    });
    if (!problem.empty()) {
      return problem;
    }
    if (excess(logits, tensor_of(one.at("logits"), dtype)) > 0) {
      return where + "the logits differ";
    }
    const Tensor loss = gpt.loss(ids, targets);
    if (!(std::abs(loss.item<double>() - one.at("loss").get<double>()) <= loss_tolerance)) {
      return fmt::format(
          "{}loss {}, expected {}", where, loss.item<double>(), one.at("loss").dump());
    }
    loss.backward();
    for (size_t i = 0; i < gpt.weights().size(); ++i) {
      const TensorRule& rule = gpt.parametrization().tensors[i];
      const std::string name = golden_name(rule.name);
      if (excess(gpt.weights()[i].grad(), tensor_of(one.at("grads").at(name), dtype)) > 0) {
        return fmt::format("{}the gradient of {} differs", where, rule.name);
      }
    }
  }
  return "";
}

double gradient_ratio(const TensorRule& rule,
                      const Parametrization& p,
                      const model::ParametrizationOptions& options,
                      double rows,
                      double scored) {
  const auto d = static_cast<double>(p.architecture.d_model);
  const auto f = static_cast<double>(p.architecture.d_ff);
  const auto vocab = static_cast<double>(p.architecture.vocab_size);
  const double at_logits = scored * vocab / (std::sqrt(vocab - 1.0) * options.alphas.loss_softmax);
  const double in_trunk = at_logits * d / std::sqrt(vocab);
  if (rule.name == "output") {
    return at_logits * d / std::sqrt(rows);
  }
  if (rule.name == "embedding") {
    return in_trunk * std::sqrt(vocab / rows);
  }
  if (rule.name == "final_norm") {
    return in_trunk / std::sqrt(rows);
  }
  const auto layer = std::stoul(rule.name.substr(7));
  const std::string part = rule.name.substr(rule.name.find('.', 7) + 1);
  const bool attention = part == "qkv" || part == "attn_out" || part == "attn_norm";
  const double in_branch = in_trunk / p.residuals[2 * layer + (attention ? 0 : 1)].branch;
  if (part == "attn_norm" || part == "mlp_norm") {
    return in_branch / std::sqrt(rows);
  }
  if (part == "down") {
    return in_branch * std::sqrt(f / rows);
  }
  const double unconstrained =
      (part == "up" || part == "gate") && !options.mlp_to_output_scale ? std::sqrt(f / d) : 1.0;
  return in_branch * unconstrained * std::sqrt(d / rows);
}

const std::vector<NamedCheck>& ladder() {
  static const std::vector<NamedCheck> kChecks = {
      {"G3 (decoder vectors)",
       [](const Mutant& mutant) {
         for (const auto& path : decoder_files()) {
           const std::string problem = check_decoder(decoder_cases(path), mutant);
           if (!problem.empty()) {
             return path.filename().string() + ": " + problem;
           }
         }
         return std::string();
       }},
      {"G4 (AdamW under a schedule)", check_adamw},
      {"G5 (learning-rate table)", check_lr_table},
      {"P1 (gradient ratios)", check_gradient_ratios},
      {"S1 (unit scale)", check_unit_scale},
      {"S2 (coordinate check)", check_coordinates},
  };
  return kChecks;
}

}  // namespace ff::test
