// SPDX-License-Identifier: MIT
#pragma once
// The Transformer Roofline Analyzer's table, number for number, for comparison with what others
// have published with it. Its counts are known to be wrong in places (README, "What a model
// costs"): they live in compat.cpp and nowhere else.
#include "flops_fit/cost/evaluate.h"
#include "flops_fit/roofline/table.h"

#include <nlohmann/json_fwd.hpp>

#include <span>
#include <string>
#include <vector>

namespace ff::roofline {

struct CompatTable {
  std::vector<OperatorRow> rows;
  std::vector<int64_t> row_blocks;  ///< blocks that each row stands for
  OperatorRow total;
  std::vector<StoragePart> storage;
  int64_t num_blocks = 0;
};

/// `config` is a config.json that cost::parse_model() has accepted, with the type that it found.
/// Throws ConfigError for a model type other than llama and llama4.
[[nodiscard]] CompatTable compat_table(const nlohmann::ordered_json& config,
                                       const std::string& model_type,
                                       const std::string& where,
                                       std::span<const cost::Query> queries);

}  // namespace ff::roofline
