// SPDX-License-Identifier: MIT
#include "flops_fit/plan/shapes.h"

#include "flops_fit/util/error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ff::plan {
namespace {

/// Weight of ln(aspect / aimed aspect) against ln(N / target).
constexpr double kAspectWeight = 0.05;

}  // namespace

int64_t model_size_of(const cost::ParamCounts& counts, const std::string& rule) {
  if (rule == "total") {
    return counts.total;
  }
  return rule == "non_embedding" ? counts.non_embedding : counts.matmul;
}

cost::Architecture make_shape(int64_t d_model,
                              int64_t num_layers,
                              int64_t vocab_size,
                              const PlanConfig& config) {
  return {.d_model = d_model,
          .num_layers = num_layers,
          .num_heads = d_model / config.model.head_size,
          .d_ff = cost::mlp_width(d_model, config.model.ffn_ratio),
          .vocab_size = vocab_size,
          .seq_len = config.dataset.seq_len};
}

std::optional<cost::Architecture> find_shape(double target_size,
                                             int64_t vocab_size,
                                             const PlanConfig& config) {
  const ArchitectureSection& limits = config.architecture;
  const int64_t step = std::lcm(limits.d_model_multiple, config.model.head_size);
  if (step > cost::kMaxWidth) {
    throw error<ConfigError>(
        "architecture.d_model_multiple={} and model.head_size={} have no common multiple up to {}; "
        "lower one of them.",
        limits.d_model_multiple,
        config.model.head_size,
        cost::kMaxWidth);
  }
  std::optional<cost::Architecture> best;
  double best_cost = std::numeric_limits<double>::infinity();

  const auto consider = [&](int64_t d_model, int64_t layers) {
    const cost::Architecture shape = make_shape(d_model, layers, vocab_size, config);
    const auto size =
        static_cast<double>(model_size_of(cost::count_params(shape), config.model.count));
    double cost = std::abs(std::log(size / target_size));
    if (!config.model.num_layers) {
      const double aspect = static_cast<double>(d_model) / static_cast<double>(layers);
      cost += kAspectWeight * std::abs(std::log(aspect / limits.aspect_ratio));
    }
    if (cost < best_cost) {
      best_cost = cost;
      best = shape;
    }
  };

  const int64_t first = config.model.num_layers.value_or(limits.min_layers);
  const int64_t last = config.model.num_layers.value_or(limits.max_layers);
  const auto reaches_target = [&](int64_t d_model, int64_t layers) {
    const cost::Architecture shape = make_shape(d_model, layers, vocab_size, config);
    return static_cast<double>(model_size_of(cost::count_params(shape), config.model.count)) >=
           target_size;
  };
  for (int64_t layers = first; layers <= last; ++layers) {
    // The size grows with the width: no width is better than the first beyond the target and,
    // because the size outweighs the aspect, the one before; or, with head_options, all below it.
    int64_t below = 0;  // in steps
    int64_t beyond = cost::kMaxWidth / step;
    while (beyond - below > 1) {
      const int64_t middle = below + (beyond - below) / 2;
      (reaches_target(middle * step, layers) ? beyond : below) = middle;
    }
    if (limits.head_options.empty()) {
      if (below > 0) {
        consider(below * step, layers);
      }
      consider(beyond * step, layers);
      continue;
    }
    for (const int64_t heads : limits.head_options) {
      const bool in_range = heads <= beyond * step / config.model.head_size;
      if (in_range && heads * config.model.head_size % step == 0) {
        consider(heads * config.model.head_size, layers);
      }
    }
  }
  return best;
}

}  // namespace ff::plan
