// SPDX-License-Identifier: MIT
#pragma once
// Private to evaluate.cpp: the names of the workload that a leaf's parameters may use.
#include "flops_fit/cost/evaluate.h"

#include <string>
#include <utility>
#include <vector>

namespace ff::cost {

/// A workload, prepared: sums over its queries, and equal queries together.
struct Batch {
  explicit Batch(const Workload& workload);

  const Workload* workload;
  Num tokens, logit_tokens;
  std::vector<std::pair<Query, Num>> kinds;  ///< with their number, by length
};

/// Where a name stands.
struct NameContext {
  const Batch* batch;
  const Query* query;  ///< in modules that are counted per query
  const Node* leaf;
};

/// Why a name has no value here: a phrase for a sentence that says where.
class NameError : public FileError {
 public:
  using FileError::FileError;
};

/// Throws NameError.
[[nodiscard]] Num value_of_name(const std::string& name, const NameContext& context);

}  // namespace ff::cost
