// SPDX-License-Identifier: MIT
#pragma once
// The configuration of ff-tokenize: the dataset, and nothing else.
#include "flops_fit/data/config.h"

namespace ff::tokenize {

struct TokenizerConfig {
  data::DatasetConfig dataset;

  template <class V>
  void visit(V& v) {
    v("dataset", dataset, {.doc = "The corpus to tokenise."});
  }
};

}  // namespace ff::tokenize
