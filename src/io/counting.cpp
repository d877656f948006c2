// SPDX-License-Identifier: MIT
#include "flops_fit/io/counting.h"

#include "flops_fit/util/error.h"

#include <array>
#include <cmath>
#include <optional>
#include <string_view>

namespace ff::io {
namespace {

/// The ways to count one thing.
struct Convention {
  std::string_view field;
  std::string_view key;  ///< of ff-plan, which chooses one for all
  std::array<std::string_view, 3> names;
};
constexpr Convention kSize = {"model_size", "model.count", {"matmul", "total", "non_embedding"}};
constexpr Convention kCost = {"flops_per_token", "compute.flops_formula", {"exact", "6nd"}};

/// Some of the ways of a convention: bit i stands for names[i].
using Ways = unsigned;
constexpr Ways kAnySize = 7;
constexpr Ways kAnyCost = 3;

Ways ways_of_size(int64_t model_size, const cost::ParamCounts& counts) {
  return (model_size == counts.matmul ? 1U : 0U) | (model_size == counts.total ? 2U : 0U) |
         (model_size == counts.non_embedding ? 4U : 0U);
}

Ways ways_of_cost(double flops, double tokens, const TokenCost& cost) {
  return (same_number(flops, cost.exact * tokens) ? 1U : 0U) |
         (same_number(flops, cost.six_n * tokens) ? 2U : 0U);
}

Ways ways_of_size(const Experiment& e) {
  if (!e.architecture && !e.params) {
    return kAnySize;
  }
  return ways_of_size(e.model_size,
                      e.architecture ? cost::count_params(*e.architecture) : *e.params);
}

Ways ways_of_cost(const Experiment& e) {
  const bool per_token = e.flops_per_token > 0;
  if (!e.architecture || (!per_token && e.planned_flops <= 0)) {
    return kAnyCost;
  }
  return ways_of_cost(per_token ? e.flops_per_token : e.planned_flops,
                      per_token ? 1.0 : static_cast<double>(e.num_tokens),
                      token_cost(*e.architecture, e.model_size));
}

std::string names_of(Ways ways, const Convention& convention) {
  std::string text;
  for (size_t i = 0; i < convention.names.size(); ++i) {
    if ((ways >> i & 1U) != 0) {
      text += (text.empty() ? "" : " or ") + std::string(convention.names[i]);
    }
  }
  return text;
}

/// Leaves in `common` what all experiments so far share; refuses the first that shares nothing.
void agree(
    Ways& common, Ways its, const Convention& convention, const std::string& file, size_t index) {
  if ((common & its) == 0) {
    throw error<FileError>(
        "{}: [{}].{} is counted as {}, and before it as {}; no law holds for a mixture, so plan "
        "all "
        "with one {}.",
        file,
        index,
        convention.field,
        names_of(its, convention),
        names_of(common, convention),
        convention.key);
  }
  common &= its;
}

/// Its name, if it is one.
std::string the_only_one(Ways ways, const Convention& convention) {
  const std::string names = names_of(ways, convention);
  return names.find(' ') == std::string::npos ? names : "";
}

}  // namespace

bool same_number(double found, double expected, double tolerance) {
  return std::abs(found - expected) <= tolerance * std::abs(expected);
}

TokenCost token_cost(const cost::Architecture& arch, int64_t model_size) {
  return {.exact = cost::train_flops_per_token(arch),
          .six_n = 6.0 * static_cast<double>(model_size)};
}

void check_one_way_of_counting(std::span<const Experiment> sweep, const std::string& file) {
  Ways size = kAnySize;
  Ways cost = kAnyCost;
  for (size_t i = 0; i < sweep.size(); ++i) {
    agree(size, ways_of_size(sweep[i]), kSize, file, i);
    agree(cost, ways_of_cost(sweep[i]), kCost, file, i);
  }
}

std::string size_counted_as(const RunResult& r) {
  if (!r.architecture && !r.params) {
    return "";
  }
  const auto counts = r.architecture ? cost::count_params(*r.architecture) : *r.params;
  return the_only_one(ways_of_size(r.model_size, counts), kSize);
}

std::string flops_counted_as(const RunResult& r) {
  if (!r.architecture || !r.completed()) {
    return "";
  }
  return the_only_one(ways_of_cost(r.actual_flops,
                                   static_cast<double>(r.num_tokens),
                                   token_cost(*r.architecture, r.model_size)),
                      kCost);
}

}  // namespace ff::io
