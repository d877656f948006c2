// SPDX-License-Identifier: MIT
#include "flops_fit/model/parametrization.h"

#include "param/param.h"

#include "flops_fit/util/error.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace ff::model {

int64_t TensorRule::numel() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

LinearScale scale_for(const TensorRule& rule, int64_t rows) {
  const double per_rows =
      rule.grad_weight_per_sqrt_rows ? 1.0 / std::sqrt(static_cast<double>(rows)) : 1.0;
  return {.forward = rule.forward,
          .grad_input = rule.grad_input,
          .grad_weight = rule.grad_weight * per_rows};
}

const char* to_string(TensorType type) {
  switch (type) {
    case TensorType::kEmbedding:
      return "embedding";
    case TensorType::kHidden:
      return "hidden";
    case TensorType::kNorm:
      return "norm";
    case TensorType::kOutput:
      return "output";
  }
  return "?";
}

const TensorRule& Parametrization::tensor(std::string_view tensor_name) const {
  for (const TensorRule& rule : tensors) {
    if (rule.name == tensor_name) {
      return rule;
    }
  }
  throw error<Error>("parametrization {} has no tensor \"{}\".", name, tensor_name);
}

bool Parametrization::has_gains() const {
  return std::any_of(tensors.begin(), tensors.end(), [](const TensorRule& rule) {
    return rule.type == TensorType::kNorm;
  });
}

int64_t Parametrization::num_parameters() const {
  return std::accumulate(
      tensors.begin(), tensors.end(), int64_t{0}, [](int64_t sum, const TensorRule& rule) {
        return sum + rule.numel();
      });
}

const std::vector<ParametrizationEntry>& parametrizations() {
  static const std::vector<ParametrizationEntry> kTable = {
      {"u-mup", "unit-scaled maximal update: one learning rate for every width", &make_u_mup, 0.5},
      {"mup",
       "maximal update: a learning rate found at umup.base_width serves all",
       &make_mup,
       0x1p-7},
      {"sp", "standard: a control, its learning rate does not transfer", &make_sp, 0x1p-7},
      {"mup-legacy",
       "the Python tool's u-mup, for comparison; it does not transfer",
       &make_mup_legacy,
       0x1p-6},
  };
  return kTable;
}

const ParametrizationEntry& find_parametrization(const std::string& name) {
  std::string known;
  for (const ParametrizationEntry& entry : parametrizations()) {
    if (name == entry.name) {
      return entry;
    }
    known += known.empty() ? entry.name : std::string(", ") + entry.name;
  }
  throw error<ConfigError>(
      "model.parametrization: \"{}\" is not known; choose one of {}.", name, known);
}

Parametrization make_parametrization(const cost::Architecture& arch,
                                     const ParametrizationOptions& options) {
  Parametrization p = find_parametrization(options.name).make(arch, options);
  const auto factor = [&](TensorType type) {
    switch (type) {
      case TensorType::kEmbedding:
        return options.lr.embedding;
      case TensorType::kNorm:
        return options.lr.norm;
      case TensorType::kOutput:
        return options.lr.output;
      case TensorType::kHidden:
        break;
    }
    return options.lr.hidden;
  };
  for (TensorRule& rule : p.tensors) {
    rule.lr *= factor(rule.type);
  }
  return p;
}

}  // namespace ff::model
