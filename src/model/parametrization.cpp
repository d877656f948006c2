// SPDX-License-Identifier: MIT
#include "flops_fit/model/parametrization.h"

#include "param/param.h"

#include "flops_fit/util/error.h"

#include <functional>
#include <numeric>

namespace ff::model {

int64_t TensorRule::numel() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

const TensorRule& Parametrization::tensor(std::string_view tensor_name) const {
  for (const TensorRule& rule : tensors) {
    if (rule.name == tensor_name) {
      return rule;
    }
  }
  throw error<Error>("parametrization {} has no tensor \"{}\".", name, tensor_name);
}

const std::vector<ParametrizationEntry>& parametrizations() {
  static const std::vector<ParametrizationEntry> kTable = {
      {"u-mup", "unit-scaled maximal update: one learning rate for every width", &make_u_mup},
      {"sp", "standard parametrization: a control, its learning rate does not transfer", &make_sp},
  };
  return kTable;
}

Parametrization make_parametrization(const cost::Architecture& arch,
                                     const ParametrizationOptions& options) {
  std::string known;
  for (const ParametrizationEntry& entry : parametrizations()) {
    if (options.name == entry.name) {
      Parametrization p = entry.make(arch, options);
      for (TensorRule& rule : p.tensors) {
        rule.lr *= rule.type == TensorType::kEmbedding ? options.lr.embedding
                   : rule.type == TensorType::kOutput  ? options.lr.output
                                                       : options.lr.hidden;
      }
      return p;
    }
    known += known.empty() ? entry.name : std::string(", ") + entry.name;
  }
  throw error<ConfigError>(
      "model.parametrization: \"{}\" is not known; choose one of {}.", options.name, known);
}

}  // namespace ff::model
