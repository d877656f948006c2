// SPDX-License-Identifier: MIT
// The whole decoder against vectors that the reference library of the u-muP authors wrote
// (tests/golden/umup, float64): logits, loss, every gradient, four AdamW steps.
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/io/json.h"
#include "flops_fit/model/gpt.h"

#include <fmt/format.h>

#include <map>

using ff::io::Json;
using ff::model::Gpt;
using torch::Tensor;

namespace {

Tensor tensor_of(const Json& json) {
  const auto shape = json.at("shape").get<std::vector<int64_t>>();
  return torch::tensor(json.at("data").get<std::vector<double>>(), torch::kFloat64).view(shape);
}

/// Our tensor's name -> the golden file's.
std::string golden_name(const std::string& name) {
  static const std::map<std::string, std::string> kParts = {
      {"qkv", "wqkv"}, {"attn_out", "wo"}, {"up", "wup"}, {"gate", "wgate"}, {"down", "wdown"}};
  if (name == "embedding" || name == "output") {
    return name.substr(0, 3);
  }
  const auto dot = name.rfind('.');
  return fmt::format("l{}_{}", name.substr(7, dot - 7), kParts.at(name.substr(dot + 1)));
}

/// Largest |x - ref| beyond the tolerance 1e-9 + 1e-8 |ref|; at most 0 when all agree.
double excess(const Tensor& x, const Tensor& ref) {
  const Tensor bound = ref.abs() * 1e-8 + 1e-9;
  return ((x.reshape(ref.sizes()) - ref).abs() - bound).max().item<double>();
}

Gpt golden_model(const Json& one) {
  const Json& config = one.at("config");
  ff::cost::Architecture arch{.d_model = config.at("d_model"),
                              .num_layers = config.at("n_layers"),
                              .num_heads = config.at("n_heads"),
                              .d_ff = config.at("d_ff"),
                              .vocab_size = config.at("vocab"),
                              .seq_len = one.at("tokens").at("shape").at(1)};
  Gpt gpt(ff::model::make_parametrization(arch, {}),
          {.rotary = config.at("rope").get<bool>(), .dtype = torch::kFloat64},
          0);
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < gpt.weights().size(); ++i) {
    const std::string name = golden_name(gpt.parametrization().tensors[i].name);
    gpt.weights()[i].copy_(tensor_of(one.at("weights").at(name)));
  }
  return gpt;
}

}  // namespace

TEST_CASE("the decoder agrees with the reference library", "[model]") {
  const std::string file = GENERATE("decoder_library.json", "decoder_rope.json");
  const Json golden = ff::io::read_json(ff::test::source_dir() / "tests/golden/umup" / file, "");
  for (const Json& one : golden.at("cases")) {
    INFO(file << " " << one.at("name"));
    const Gpt gpt = golden_model(one);
    const Tensor ids = tensor_of(one.at("tokens")).to(torch::kInt64);
    // The golden loss leaves out the last position, which has no target.
    Tensor targets = torch::full_like(ids, -1);
    targets.narrow(1, 0, ids.size(1) - 1).copy_(ids.narrow(1, 1, ids.size(1) - 1));

    CHECK(excess(gpt.forward(ids), tensor_of(one.at("logits")).view({ids.numel(), -1})) <= 0);
    const Tensor loss = gpt.loss(ids, targets);
    CHECK(loss.item<double>() == Approx(one.at("loss").get<double>()).epsilon(1e-10));
    loss.backward();
    for (size_t i = 0; i < gpt.weights().size(); ++i) {
      const std::string name = golden_name(gpt.parametrization().tensors[i].name);
      INFO(name);
      CHECK(excess(gpt.weights()[i].grad(), tensor_of(one.at("grads").at(name))) <= 0);
      CHECK(gpt.parametrization().tensors[i].lr ==
            Approx(one.at("adam_lr_multipliers").at(name).get<double>()).epsilon(1e-9));
    }
  }
}
