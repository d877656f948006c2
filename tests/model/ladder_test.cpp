// SPDX-License-Identifier: MIT
// The ladder of umup.md 2.3: the checks pass on the table as it is, and each broken rule fails at
// least one of them. (G1, G2: golden_ops_test.cpp. P3: tests/train/engine_test.cpp. S3:
// tests/e2e/lr_transfer_test.cpp, slow.)
#include "model/ladder.h"

#include "model/plain_gpt.h"
#include "model/synthetic.h"
#include "support/catch.h"

#include "flops_fit/engine/engine.h"
#include "flops_fit/train/coord_check.h"

#include <cmath>
#include <iostream>

using namespace ff::test;
using ff::io::Json;
using ff::model::Gpt;
using ff::model::Parametrization;
using ff::model::TensorType;
using torch::Tensor;

TEST_CASE("G3-G5, P1, S1, S2: the ladder holds", "[golden]") {
  for (const NamedCheck& check : ladder()) {
    INFO(check.name);
    CHECK(check.run({.name = "none"}) == "");
  }
}

TEST_CASE("G3: the decoders agree in float32 as well", "[golden]") {
  for (const auto& path : decoder_files()) {
    INFO(path);
    CHECK(check_decoder(decoder_cases(path), {.name = "none"}, torch::kFloat32) == "");
  }
}

TEST_CASE("G3: decoder files agree in ratios and learning rates too", "[golden]") {
  for (const auto& path : decoder_files()) {
    for (const Json& one : decoder_cases(path)) {
      const Parametrization p = golden_table(one);
      const Json& config = one.at("config");
      const ff::model::ParametrizationOptions options{
          .alphas = {.loss_softmax = config.at("alpha").at("loss_softmax")},
          .mlp_to_output_scale = !config.at("mlp_linear_constraint").is_null()};
      const double rows = static_cast<double>(golden_batch(one).ids.numel());
      const double scored =
          static_cast<double>(golden_batch(one).targets.ge(0).sum().item<int64_t>());
      for (const auto& rule : p.tensors) {
        INFO(path << " " << rule.name);
        const std::string name = golden_name(rule.name);
        CHECK(rule.lr ==
              Approx(one.at("adam_lr_multipliers").at(name).get<double>()).epsilon(1e-10));
        if (!one.contains("grad_over_true_grad")) {
          continue;
        }
        CHECK(gradient_ratio(rule, p, options, rows, scored) ==
              Approx(one.at("grad_over_true_grad").at(name).get<double>()).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("G4: AdamW steps from the decoder files", "[golden]") {
  const torch::Dtype dtype = GENERATE(torch::kFloat64, torch::kFloat32);
  for (const auto& path : decoder_files()) {
    for (const Json& one : decoder_cases(path)) {
      if (!one.contains("adamw")) {
        continue;
      }
      INFO(path);
      const Json& golden = one.at("adamw");
      const Gpt gpt = golden_model(one, kAsItIs, dtype);
      ff::engine::AdamW adamw(gpt.parametrization(),
                              {.beta1 = golden.at("betas").at(0),
                               .beta2 = golden.at("betas").at(1),
                               .eps = golden.at("eps")},
                              gpt.flat_weights());
      const auto [ids, targets] = golden_batch(one);
      const auto steps = golden.at("steps").get<size_t>();
      for (size_t step = 0; step <= steps; ++step) {
        gpt.flat_grads().zero_();
        const Tensor loss = gpt.loss(ids, targets);
        INFO("step " << step);
        CHECK(loss.item<double>() == Approx(golden.at("losses").at(step).get<double>())
                                         .epsilon(dtype == torch::kFloat64 ? 1e-8 : 1e-3));
        if (step == steps) {
          break;
        }
        loss.backward();
        static_cast<void>(adamw.step(
            gpt.flat_weights(),
            gpt.flat_grads(),
            {.learning_rate = golden.at("lr"), .weight_decay = golden.at("weight_decay")}));
      }
      for (size_t i = 0; i < gpt.weights().size(); ++i) {
        const std::string name = golden_name(gpt.parametrization().tensors[i].name);
        INFO(name);
        const Tensor expected = tensor_of(golden.at("weights_after").at(name), dtype);
        const Tensor weight = gpt.weights()[i].detach();
        if (dtype == torch::kFloat64) {
          CHECK(excess(weight, expected) <= 0);
        } else {
          CHECK((weight - expected).norm().item<double>() <= 1e-3 * expected.norm().item<double>());
        }
      }
    }
  }
}

namespace {

/// A decoder case for the fused engine: its options, weights, and rows whose last token is no
/// target.
struct FusedCase {
  std::unique_ptr<ff::engine::Engine> engine;
  std::vector<int32_t> tokens;
  int64_t rows, seq_len;
};

FusedCase fused_case(const Json& one, ff::engine::OptimizerOptions optimizer) {
  const Gpt gpt = golden_model(one, kAsItIs, torch::kFloat32);
  const Tensor ids = golden_batch(one).ids;
  const Tensor rows = torch::cat({ids, torch::full({ids.size(0), 1}, -1)}, 1).to(torch::kInt32);
  const Tensor flat = gpt.flat_weights();
  return {.engine = ff::engine::make_fused_engine(
              gpt.parametrization(),
              {.rotary = one.at("config").at("rope").get<bool>(),
               .rope_base = one.at("config").value("rope_base", 10000.0),
               .optimizer = optimizer},
              {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()}),
          .tokens = {rows.data_ptr<int32_t>(), rows.data_ptr<int32_t>() + rows.numel()},
          .rows = ids.size(0),
          .seq_len = ids.size(1)};
}

/// The part of a flat buffer that holds tensor i.
Tensor part_of(const std::vector<float>& flat, const Parametrization& p, size_t i) {
  int64_t offset = 0;
  for (size_t before = 0; before < i; ++before) {
    offset += p.tensors[before].numel();
  }
  return torch::tensor(flat).narrow(0, offset, p.tensors[i].numel()).view(p.tensors[i].shape);
}

}  // namespace

TEST_CASE("G3: the decoders agree on the fused engine", "[golden]") {
  for (const auto& path : decoder_files()) {
    for (const Json& one : decoder_cases(path)) {
      INFO(path << " " << one.at("name").dump());
      // beta1 = 0 leaves the gradient itself in the first moment.
      const FusedCase c = fused_case(one, {.beta1 = 0.0});
      const auto report = c.engine->train_step({c.tokens, c.rows, c.seq_len}, {});
      CHECK(std::abs(report.loss_nats - one.at("loss").get<double>()) <= 2e-6);
      const Parametrization p = golden_table(one);
      for (size_t i = 0; i < p.tensors.size(); ++i) {
        const std::string name = golden_name(p.tensors[i].name);
        INFO(name);
        CHECK(excess(part_of(c.engine->state().first_moment, p, i),
                     tensor_of(one.at("grads").at(name), torch::kFloat32)) <= 0);
      }
    }
  }
}

TEST_CASE("G4: AdamW steps from the decoder files on the fused engine", "[golden]") {
  for (const auto& path : decoder_files()) {
    for (const Json& one : decoder_cases(path)) {
      if (!one.contains("adamw")) {
        continue;
      }
      INFO(path);
      const Json& golden = one.at("adamw");
      const FusedCase c = fused_case(one,
                                     {.beta1 = golden.at("betas").at(0),
                                      .beta2 = golden.at("betas").at(1),
                                      .eps = golden.at("eps")});
      for (size_t step = 0; step < golden.at("steps").get<size_t>(); ++step) {
        const auto report = c.engine->train_step(
            {c.tokens, c.rows, c.seq_len},
            {.learning_rate = golden.at("lr"), .weight_decay = golden.at("weight_decay")});
        CHECK(report.loss_nats == Approx(golden.at("losses").at(step).get<double>()).epsilon(1e-3));
      }
      const Parametrization p = golden_table(one);
      for (size_t i = 0; i < p.tensors.size(); ++i) {
        const std::string name = golden_name(p.tensors[i].name);
        INFO(name);
        const Tensor expected = tensor_of(golden.at("weights_after").at(name), torch::kFloat32);
        const Tensor found = part_of(c.engine->state().weights, p, i);
        CHECK((found - expected).norm().item<double>() <= 1e-3 * expected.norm().item<double>());
      }
    }
  }
}

TEST_CASE("P2: the loss changes along its gradient as the gradient says", "[model]") {
  const std::string name = GENERATE("u-mup", "mup", "sp");
  INFO(name);
  const Parametrization p = ff::model::make_parametrization(
      {.d_model = 12, .num_layers = 2, .num_heads = 2, .d_ff = 16, .vocab_size = 13, .seq_len = 7},
      {.name = name, .alphas = {.attn_softmax = 2.0, .ffn_act = 0.5}, .norm_gain = true});
  const Gpt gpt(p, {.dtype = torch::kFloat64}, 3);
  const Tensor ids = torch::randint(13, {2, 7}, torch::kInt64);
  const Tensor targets = torch::randint(13, {2, 7}, torch::kInt64);
  const std::vector<Tensor> plain = copies(gpt.weights());
  plain_loss(p, plain, ids, targets).backward();
  for (size_t i = 0; i < plain.size(); ++i) {
    INFO(p.tensors[i].name);
    const torch::NoGradGuard no_grad;
    const double size = p.tensors[i].type == TensorType::kNorm ? 1.0 : p.tensors[i].init_std;
    const Tensor direction = torch::randn_like(gpt.weights()[i]) * size;
    constexpr double kStep = 1e-5;
    const auto loss_at = [&](double h) {
      Tensor weight = gpt.weights()[i];
      weight.add_(direction, h);
      const double loss = gpt.loss(ids, targets).item<double>();
      weight.sub_(direction, h);
      return loss;
    };
    const double slope = (loss_at(kStep) - loss_at(-kStep)) / (2.0 * kStep);
    const double expected = (plain[i].grad() * direction).sum().item<double>();
    CHECK(slope == Approx(expected).epsilon(1e-5).margin(1e-9));
  }
}

TEST_CASE("plain parametrizations have the true gradient of the mean loss", "[model]") {
  const std::string name = GENERATE("mup", "sp", "mup-legacy");
  INFO(name);
  Parametrization p = ff::model::make_parametrization(
      {.d_model = 12, .num_layers = 2, .num_heads = 2, .d_ff = 16, .vocab_size = 13, .seq_len = 7},
      {.name = name, .alphas = {.loss_softmax = 2.0}});
  p.tensors.back().init_std = 1.0;  // mup-legacy's head starts at 0, which hides all else
  const Gpt gpt(p, {.dtype = torch::kFloat64}, 3);
  const Tensor ids = torch::randint(13, {2, 7}, torch::kInt64);
  const Tensor targets = torch::randint(13, {2, 7}, torch::kInt64);
  gpt.loss(ids, targets).backward();
  const std::vector<Tensor> plain = copies(gpt.weights());
  plain_loss(p, plain, ids, targets).backward();
  for (size_t i = 0; i < plain.size(); ++i) {
    INFO(p.tensors[i].name);
    CHECK(torch::allclose(gpt.weights()[i].grad(), plain[i].grad(), 1e-9, 1e-12));
  }
}

TEST_CASE("P4: the attention scale is frozen at the training length", "[model]") {
  const Gpt gpt(ff::model::make_parametrization({.d_model = 16,
                                                 .num_layers = 2,
                                                 .num_heads = 2,
                                                 .d_ff = 32,
                                                 .vocab_size = 31,
                                                 .seq_len = 12},
                                                {}),
                {.dtype = torch::kFloat64},
                1);
  const Tensor ids = torch::randint(31, {2, 12}, torch::kInt64);
  const Tensor whole = gpt.forward(ids).view({2, 12, 31});
  for (const int64_t length : {1, 5, 11}) {
    const Tensor part = gpt.forward(ids.narrow(1, 0, length).contiguous()).view({2, length, 31});
    CHECK(torch::allclose(part, whole.narrow(1, 0, length), 1e-10, 1e-12));
  }
  // A model of one position has one key to attend to, and no ln(1) to divide by.
  const Gpt single(
      ff::model::make_parametrization(
          {.d_model = 8, .num_layers = 1, .num_heads = 1, .d_ff = 8, .vocab_size = 5, .seq_len = 1},
          {}),
      {},
      1);
  const Tensor loss = single.loss(torch::tensor({{1}, {2}}), torch::tensor({{3}, {4}}));
  loss.backward();
  CHECK(std::isfinite(loss.item<double>()));
  CHECK(single.flat_grads().isfinite().all().item<bool>());
}

TEST_CASE("S2: with the embedding's own rule slopes tilt down, and sp fails", "[model]") {
  const MixtureTask task;
  const auto curves = [&](const std::string& name, double learning_rate) {
    ff::train::CoordProblem problem{
        .widths = {32, 64, 128, 256, 512},
        .seeds = 3,
        .steps = 5,
        .learning_rate = learning_rate,
        .num_threads = 2,
        .make_model =
            [&](int64_t width) {
              return ff::model::make_parametrization({.d_model = width,
                                                      .num_layers = 2,
                                                      .num_heads = width / 16,
                                                      .d_ff = 2 * width,
                                                      .vocab_size = MixtureTask::kVocab,
                                                      .seq_len = 32},
                                                     {.name = name});
            },
        .fill_batch = [&](uint64_t seed,
                          int64_t step,
                          std::span<int32_t> tokens) { task.fill(seed, step, 32, tokens); }};
    return ff::train::coordinate_curves(problem);
  };
  CHECK(ff::train::out_of_bounds(curves("u-mup", 0.5), ff::train::kPlainBounds, 0.0).empty());
  const auto sp = curves("sp", 0x1p-7);
  double steepest = 0.0;
  for (const auto& curve : sp) {
    if (curve.step == 5 && curve.activation.find("after_") != std::string::npos) {
      steepest = std::max(steepest, curve.change_slope.value());
    }
  }
  CHECK(steepest >= 0.5);
  CHECK_FALSE(ff::train::out_of_bounds(sp, ff::train::kFlatBounds).empty());
}

namespace {

std::vector<Mutant> broken_rules() {
  const auto each = [](TensorType type, auto&& change) {
    return [=](Parametrization& p) {
      for (auto& rule : p.tensors) {
        if (rule.type == type) {
          change(p, rule);
        }
      }
    };
  };
  return {
      {.name = "attention logits by 1/sqrt(d_h), not 1/d_h",
       .table =
           [](Parametrization& p) {
             p.attention_logits *= std::sqrt(static_cast<double>(p.architecture.head_size()));
           }},
      {.name = "readout by 1/sqrt(d), not 1/d",
       .table = each(TensorType::kOutput,
                     [](const Parametrization& p, auto& rule) {
                       rule.forward = 1.0 / std::sqrt(static_cast<double>(p.architecture.d_model));
                     })},
      {.name = "hidden learning rate without 1/sqrt(fan_in)",
       .table = each(TensorType::kHidden,
                     [](const Parametrization&, auto& rule) {
                       rule.lr *= std::sqrt(static_cast<double>(rule.shape[1]));
                     })},
      {.name = "hidden learning rate without 1/sqrt(L)",
       .table = each(TensorType::kHidden,
                     [](const Parametrization& p, auto& rule) {
                       rule.lr *= std::sqrt(static_cast<double>(p.architecture.num_layers));
                     })},
      {.name = "branch weight applied at the sum in the backward pass",
       .table =
           [](Parametrization& p) {
             for (auto& residual : p.residuals) {
               std::swap(residual.grad_at_split, residual.grad_at_add);
             }
           }},
      {.name = "residual weights of a shallower model",
       .table =
           [](Parametrization& p) {
             p.residuals = ff::model::unit_residuals(2 * p.architecture.num_layers, 1.0, 1.0);
             p.residuals.resize(static_cast<size_t>(2 * p.architecture.num_layers));
           }},
      {.name = "SwiGLU without its scale", .table = [](Parametrization& p) { p.glu_scale = 1.0; }},
      {.name = "SwiGLU scale in the attention's place",
       .table = [](Parametrization& p) { p.attention_grad = p.glu_scale; }},
      {.name = "weight decay times learning rate",
       .table = [](Parametrization& p) { p.decay_times_lr = true; }},
      {.name = "a schedule that overwrites the tensors' learning rates",
       .after_step = [](ff::engine::AdamW& adamw) { adamw.lr_factors.fill_(1.0); }},
  };
}

/// The problem that a check finds with a broken rule; empty: none.
std::string caught(const NamedCheck& check, const Mutant& mutant) {
  const std::string problem = check.run(mutant);
  if (!problem.empty()) {
    std::cout << mutant.name << ": caught by " << check.name << ": " << problem << '\n';
  }
  return problem;
}

}  // namespace

TEST_CASE("S4: every broken rule is caught", "[model]") {
  const auto& checks = ladder();  // the quick ones first
  for (const Mutant& mutant : broken_rules()) {
    INFO(mutant.name);
    CHECK(std::any_of(checks.begin(), checks.end(), [&](const NamedCheck& check) {
      return !caught(check, mutant).empty();
    }));
  }
}

TEST_CASE("S4: every check catches a broken rule", "[model][slow]") {
  for (const NamedCheck& check : ladder()) {
    INFO(check.name);
    bool any = false;
    for (const Mutant& mutant : broken_rules()) {
      const bool found = !caught(check, mutant).empty();
      any |= found;
      // What the coordinate check is there for.
      if (check.name.starts_with("S2") && mutant.name.find("fan_in") != std::string::npos) {
        CHECK(found);
      }
    }
    CHECK(any);
  }
}
