// SPDX-License-Identifier: MIT
#include "flops_fit/cost/model_spec.h"

#include <array>
#include <utility>

namespace ff::cost {
namespace {

constexpr std::array<std::pair<std::string_view, int64_t>, 25> kDtypes = {{
    {"uint8", 8},           {"int8", 8},        {"quint8", 8},  {"qint8", 8},
    {"float8_e4m3fn", 8},   {"float8_e5m2", 8}, {"uint16", 16}, {"int16", 16},
    {"short", 16},          {"float16", 16},    {"half", 16},   {"bfloat16", 16},
    {"uint32", 32},         {"int32", 32},      {"int", 32},    {"qint32", 32},
    {"float32", 32},        {"float", 32},      {"uint64", 64}, {"int64", 64},
    {"long", 64},           {"float64", 64},    {"double", 64}, {"float8_e4m3fnuz", 8},
    {"float8_e5m2fnuz", 8},
}};

}  // namespace

ModelSpec spec_of(const Architecture& arch) {
  return {.model_type = "flops_fit_gpt",
          .d_model = arch.d_model,
          .num_heads = arch.num_heads,
          .num_kv_heads = arch.num_heads,
          .head_dim = arch.head_size(),
          .d_ff = arch.d_ff,
          .vocab_size = arch.vocab_size,
          .layers = std::vector<LayerSpec>(static_cast<size_t>(arch.num_layers)),
          .seq_len = arch.seq_len,
          .norm_gain = false,
          .dtype = "float32"};
}

int64_t dtype_bits(std::string_view dtype) {
  for (const auto& [name, bits] : kDtypes) {
    if (name == dtype) {
      return bits;
    }
  }
  return 0;
}

std::string dtype_names() {
  std::string out;
  for (const auto& [name, bits] : kDtypes) {
    out += out.empty() ? "" : ", ";
    out += name;
  }
  return out;
}

}  // namespace ff::cost
