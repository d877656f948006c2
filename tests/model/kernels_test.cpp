// SPDX-License-Identifier: MIT
// The float32 CPU kernels against the same operations in float64 LibTorch, over odd shapes; and the
// written-out backward passes against plain automatic differentiation.
#include "support/catch.h"

#include "flops_fit/model/gpt.h"

#include <cmath>
#include <random>

using ff::model::Gpt;
using torch::Tensor;

namespace {

struct Case {
  ff::cost::Architecture arch;
  int64_t batch;
};

Case random_case(int index) {
  std::mt19937 random(static_cast<unsigned>(index));
  const auto pick = [&](std::initializer_list<int64_t> values) {
    return *(values.begin() + static_cast<std::ptrdiff_t>(random() % values.size()));
  };
  const int64_t head = pick({2, 6, 8, 16, 20});
  const int64_t heads = pick({1, 2, 3});
  return {.arch = {.d_model = head * heads,
                   .num_layers = pick({1, 2, 3}),
                   .num_heads = heads,
                   .d_ff = pick({8, 24, 40, 7}),
                   .vocab_size = pick({5, 17, 64, 103}),
                   .seq_len = pick({1, 2, 7, 8, 9, 33})},
          .batch = pick({1, 2, 5})};
}

/// The same weights in both precisions.
std::pair<Gpt, Gpt> twins(const ff::cost::Architecture& arch,
                          const std::string& parametrization,
                          const ff::model::Alphas& alphas) {
  const auto p = ff::model::make_parametrization(arch, {.name = parametrization, .alphas = alphas});
  return {Gpt(p, {}, 3), Gpt(p, {.dtype = torch::kFloat64}, 3)};
}

/// Largest difference relative to the reference's largest value.
double relative(const Tensor& x, const Tensor& reference) {
  const double scale = reference.abs().max().item<double>();
  return (x.to(torch::kFloat64) - reference).abs().max().item<double>() / (scale + 1e-30);
}

}  // namespace

TEST_CASE("float32 kernels agree with float64 LibTorch over odd shapes", "[model]") {
  const std::string parametrization = GENERATE("u-mup", "sp");
  for (int index = 0; index < 30; ++index) {
    const Case c = random_case(index);
    torch::manual_seed(index);
    INFO(parametrization << " case " << index << ": d " << c.arch.d_model << " heads "
                         << c.arch.num_heads << " T " << c.arch.seq_len << " V "
                         << c.arch.vocab_size);
    const auto [fast, exact] =
        twins(c.arch, parametrization, {.attn_softmax = 1.5, .ffn_act = 0.7, .loss_softmax = 1.2});
    const Tensor ids = torch::randint(c.arch.vocab_size, {c.batch, c.arch.seq_len}, torch::kInt64);
    Tensor targets = torch::randint(c.arch.vocab_size, {c.batch, c.arch.seq_len}, torch::kInt64);
    targets.view({-1})[0] = index % 3 == 0 && c.batch * c.arch.seq_len > 1 ? -1 : 0;
    const Tensor fast_loss = fast.loss(ids, targets);
    const Tensor exact_loss = exact.loss(ids, targets);
    CHECK(fast_loss.item<double>() == Approx(exact_loss.item<double>()).epsilon(2e-5));
    fast_loss.backward();
    exact_loss.backward();
    for (size_t i = 0; i < fast.weights().size(); ++i) {
      INFO(fast.parametrization().tensors[i].name);
      CHECK(relative(fast.weights()[i].grad(), exact.weights()[i].grad()) < 1e-4);
    }
    const Tensor clamped = targets.clamp_min(0);
    CHECK(relative(fast.row_losses(ids, clamped), exact.row_losses(ids, clamped)) < 1e-4);
  }
}

TEST_CASE("sp's backward passes are plain gradients", "[model]") {
  // Under sp every multiplier is the ordinary one, so central differences of the loss must agree.
  const ff::cost::Architecture arch{
      .d_model = 12, .num_layers = 2, .num_heads = 2, .d_ff = 20, .vocab_size = 11, .seq_len = 6};
  const auto p =
      ff::model::make_parametrization(arch, {.name = "sp", .alphas = {.loss_softmax = 1.3}});
  const Gpt gpt(p, {.dtype = torch::kFloat64}, 1);
  torch::manual_seed(1);
  const Tensor ids = torch::randint(11, {2, 6}, torch::kInt64);
  const Tensor targets = torch::randint(11, {2, 6}, torch::kInt64);
  gpt.loss(ids, targets).backward();
  Tensor flat = gpt.flat_weights();
  const Tensor grads = gpt.flat_grads().clone();
  std::mt19937 random(5);
  for (int probe = 0; probe < 60; ++probe) {
    const auto i = static_cast<int64_t>(random() % static_cast<uint64_t>(flat.numel()));
    const double old = flat[i].item<double>();
    const double h = 1e-5;
    const auto loss_at = [&](double value) {
      const torch::NoGradGuard no_grad;
      flat[i] = value;
      return gpt.loss(ids, targets).item<double>();
    };
    // Fourth order: the norms bend the loss strongly where activations are small.
    const double slope = (8 * (loss_at(old + h) - loss_at(old - h)) -
                          (loss_at(old + 2 * h) - loss_at(old - 2 * h))) /
                         (12 * h);
    flat[i] = old;
    CHECK(grads[i].item<double>() == Approx(slope).epsilon(1e-5).margin(1e-8));
  }
}

TEST_CASE("u-muP's gradients are the true ones times one constant per tensor", "[model]") {
  // The closed forms of the specification (c_log, c_tr) at random shapes: a wrong backward
  // multiplier anywhere breaks the proportionality or the constant.
  for (int index = 0; index < 8; ++index) {
    Case c = random_case(100 + index);
    c.arch.seq_len = std::max<int64_t>(c.arch.seq_len, 2);
    const auto& arch = c.arch;
    torch::manual_seed(index);
    const auto p = ff::model::make_parametrization(arch, {});
    const Gpt umup(p, {.dtype = torch::kFloat64}, 4);
    // The same function with ordinary gradients: forward multipliers used backward too.
    auto plain_rules = p;
    for (auto& rule : plain_rules.tensors) {
      rule.grad_input = rule.forward;
      rule.grad_weight = rule.type == ff::model::TensorType::kEmbedding ? 1.0 : rule.forward;
      rule.grad_weight_per_sqrt_rows = false;
    }
    plain_rules.loss_grad = plain_rules.loss_logits;
    plain_rules.loss_grad_mean = true;
    const Gpt plain(plain_rules, {.dtype = torch::kFloat64}, 4);
    const Tensor ids = torch::randint(arch.vocab_size, {c.batch, arch.seq_len}, torch::kInt64);
    const Tensor targets = torch::randint(arch.vocab_size, {c.batch, arch.seq_len}, torch::kInt64);
    umup.loss(ids, targets).backward();
    plain.loss(ids, targets).backward();

    const auto rows = static_cast<double>(c.batch * arch.seq_len);
    const auto vocab = static_cast<double>(arch.vocab_size);
    const auto d = static_cast<double>(arch.d_model);
    const double c_log = rows * vocab / std::sqrt(vocab - 1.0);
    INFO("case " << index);
    // The head sees no residual and no attention: its constant is c_log d / sqrt(rows).
    const Tensor ratio = umup.weights().back().grad() / plain.weights().back().grad();
    CHECK(ratio.mean().item<double>() == Approx(c_log * d / std::sqrt(rows)).epsilon(1e-9));
    CHECK((ratio - ratio.mean()).abs().max().item<double>() < 1e-6 * ratio.mean().item<double>());
  }
}

TEST_CASE("an unknown parametrization is refused by name", "[model]") {
  CHECK_THROWS_WITH(
      ff::model::make_parametrization({.d_model = 8, .num_heads = 1}, {.name = "mup2"}),
      ContainsSubstring("\"mup2\" is not known; choose one of u-mup, sp"));
}

TEST_CASE("attention's scale does not break on one token", "[model]") {
  CHECK(ff::model::unit_attention_scale(1, 16, 1.0) == 1.0);
  // Values of the specification, section 1.1.
  CHECK(ff::model::unit_attention_scale(128, 16, 1.0) == Approx(5.01).margin(0.005));
  CHECK(ff::model::unit_attention_scale(512, 64, 1.0) == Approx(8.98).margin(0.005));
  CHECK(ff::model::unit_glu_scale(1.0) == Approx(std::pow(2.0, 0.75)));
  CHECK(ff::model::unit_glu_scale(4.0) == Approx(1.443).margin(0.0005));
}
