// SPDX-License-Identifier: MIT
#include "model/golden.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <stdexcept>

namespace ff::test {

namespace fs = std::filesystem;
using io::Json;
using torch::Tensor;

Json read_golden(const std::string& file) {
  return io::read_json(source_dir() / "tests/golden/umup" / file, "");
}

namespace {

Json list_of(const Json& json, const std::string& list) {
  if (json.at(list).empty()) {
    throw std::runtime_error("the golden list " + list + " is empty");
  }
  return json.at(list);
}

}  // namespace

Json read_golden(const std::string& file, const std::string& list) {
  return list_of(read_golden(file), list);
}

Json decoder_cases(const fs::path& path) {
  return list_of(io::read_json(path, ""), "cases");
}

std::vector<fs::path> decoder_files() {
  const char* variable = std::getenv("FLOPS_FIT_GOLDEN");
  const fs::path folder = variable != nullptr && *variable != '\0'
                              ? fs::path(variable)
                              : source_dir() / "tests/golden/umup";
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("decoder_") && name.ends_with(".json")) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    throw std::runtime_error("no decoder_*.json in " + folder.string());
  }
  return files;
}

Tensor tensor_of(const Json& json, torch::Dtype dtype) {
  const auto shape = json.at("shape").get<std::vector<int64_t>>();
  return torch::tensor(json.at("data").get<std::vector<double>>(), torch::kFloat64)
      .view(shape)
      .to(dtype);
}

double excess(const Tensor& x, const Tensor& ref) {
  const Tensor difference = (x.detach().reshape(ref.sizes()) - ref).to(torch::kFloat64).abs();
  const Tensor size = ref.to(torch::kFloat64).abs();
  const Tensor bound =
      x.scalar_type() == torch::kFloat64 ? size * 1e-8 + 1e-9 : size.max() * 2e-5 + 1e-6;
  return (difference - bound).max().item<double>();
}

std::string golden_name(const std::string& tensor) {
  static const std::map<std::string, std::string> kParts = {{"attn_norm", "g1"},
                                                            {"qkv", "wqkv"},
                                                            {"attn_out", "wo"},
                                                            {"mlp_norm", "g2"},
                                                            {"up", "wup"},
                                                            {"gate", "wgate"},
                                                            {"down", "wdown"}};
  if (tensor == "embedding" || tensor == "output") {
    return tensor.substr(0, 3);
  }
  if (tensor == "final_norm") {
    return "gf";
  }
  const auto dot = tensor.rfind('.');
  return "l" + tensor.substr(7, dot - 7) + "_" + kParts.at(tensor.substr(dot + 1));
}

model::Parametrization golden_table(const Json& decoder) {
  const Json& config = decoder.at("config");
  const cost::Architecture arch{.d_model = config.at("d_model"),
                                .num_layers = config.at("n_layers"),
                                .num_heads = config.at("n_heads"),
                                .d_ff = config.at("d_ff"),
                                .vocab_size = config.at("vocab"),
                                .seq_len = decoder.at("tokens").at("shape").at(1)};
  const Json& alpha = config.at("alpha");
  const Json& constraint = config.at("mlp_linear_constraint");
  if (!constraint.is_null() && constraint != "to_output_scale") {
    throw std::runtime_error("unknown mlp_linear_constraint " + constraint.dump());
  }
  model::Parametrization p =
      model::make_parametrization(arch,
                                  {.alphas = {.res = alpha.at("res"),
                                              .res_attn_ratio = alpha.at("res_attn_ratio"),
                                              .attn_softmax = alpha.at("attn_softmax"),
                                              .ffn_act = alpha.at("ffn_act"),
                                              .loss_softmax = alpha.at("loss_softmax")},
                                   .norm_gain = config.at("trainable_gain").get<bool>(),
                                   .mlp_to_output_scale = !constraint.is_null()});
  p.norm_eps = config.value("eps", p.norm_eps);
  return p;
}

model::Gpt golden_model(const Json& decoder, const Mutation& mutate, torch::Dtype dtype) {
  model::Parametrization p = golden_table(decoder);
  mutate(p);
  const Json& config = decoder.at("config");
  model::Gpt gpt(p,
                 {.rotary = config.at("rope").get<bool>(),
                  .rotary_base = config.value("rope_base", 10000.0),
                  .dtype = dtype},
                 0);
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < gpt.weights().size(); ++i) {
    gpt.weights()[i].copy_(tensor_of(decoder.at("weights").at(golden_name(p.tensors[i].name))));
  }
  return gpt;
}

GoldenBatch golden_batch(const Json& decoder) {
  const Tensor ids = tensor_of(decoder.at("tokens")).to(torch::kInt64);
  Tensor targets = torch::full_like(ids, -1);
  targets.narrow(1, 0, ids.size(1) - 1).copy_(ids.narrow(1, 1, ids.size(1) - 1));
  return {.ids = ids, .targets = targets};
}

}  // namespace ff::test
