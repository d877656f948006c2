// SPDX-License-Identifier: MIT
// The model in float32 against itself in float64, over odd shapes; and the
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

TEST_CASE("float32 agrees with float64 over odd shapes", "[model]") {
  const std::string parametrization = GENERATE("u-mup", "sp", "mup-legacy");
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

TEST_CASE("an unknown parametrization is refused by name", "[model]") {
  CHECK_THROWS_WITH(
      ff::model::make_parametrization({.d_model = 8, .num_heads = 1}, {.name = "mup2"}),
      ContainsSubstring("\"mup2\" is not known; choose one of u-mup, mup, sp, mup-legacy"));
}
