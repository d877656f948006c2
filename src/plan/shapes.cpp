// SPDX-License-Identifier: MIT
#include "flops_fit/plan/shapes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ff::plan {
namespace {

/// Weight of ln(aspect / aimed aspect) against ln(N / target).
constexpr double kAspectWeight = 0.05;

bool heads_allowed(int64_t heads, const std::vector<int64_t>& options) {
  return options.empty() || std::find(options.begin(), options.end(), heads) != options.end();
}

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
  std::optional<cost::Architecture> best;
  double best_cost = std::numeric_limits<double>::infinity();

  const auto consider = [&](int64_t d_model, int64_t layers) {
    const cost::Architecture shape = make_shape(d_model, layers, vocab_size, config);
    if (!heads_allowed(shape.num_heads, limits.head_options)) {
      return;
    }
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
  for (int64_t layers = first; layers <= last; ++layers) {
    // The size grows with the width: stop at the first width beyond the target.
    for (int64_t d_model = step;; d_model += step) {
      consider(d_model, layers);
      const cost::Architecture shape = make_shape(d_model, layers, vocab_size, config);
      if (static_cast<double>(model_size_of(cost::count_params(shape), config.model.count)) >=
          target_size) {
        break;
      }
    }
  }
  return best;
}

}  // namespace ff::plan
