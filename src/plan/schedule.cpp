// SPDX-License-Identifier: MIT
#include "flops_fit/plan/schedule.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/units.h"

#include <algorithm>
#include <cmath>

namespace ff::plan {

RunLength make_run_length(double tokens, const PlanConfig& config) {
  if (!(tokens <= kMaxRunTokens)) {
    throw error<ConfigError>(
        "impossible plan: a run of {} tokens, more than {}; lower the budget, or raise "
        "model.min_size.",
        format_number(tokens),
        format_number(kMaxRunTokens));
  }
  const ScheduleSection& rule = config.schedule;
  const auto seq_len = static_cast<double>(config.dataset.seq_len);
  const double batch_tokens = std::clamp(rule.batch_factor * std::pow(tokens, rule.batch_exponent),
                                         rule.batch_min_tokens,
                                         std::max(rule.batch_min_tokens, rule.batch_max_tokens));
  const int64_t wanted =
      rule.batch_size.value_or(std::max<int64_t>(1, std::llround(batch_tokens / seq_len)));
  // A fixed batch is kept as asked; the rule's may shrink to let whole steps fit the budget.
  const int64_t smallest = rule.batch_size ? wanted : 1;
  // Of a batch that is larger than twice the run, not one fits.
  const int64_t largest = rule.batch_size
                              ? wanted
                              : std::min<int64_t>(wanted, std::llround(2.0 * tokens / seq_len) + 1);
  for (int64_t rows = largest; rows >= smallest; --rows) {
    const double step_tokens = static_cast<double>(rows) * seq_len;
    const int64_t steps = std::llround(tokens / step_tokens);
    if (steps < 1) {
      continue;
    }
    const double realised = static_cast<double>(steps) * step_tokens;
    if (std::abs(realised / tokens - 1.0) <= config.compute.tolerance) {
      return {.batch_size = rows,
              .num_steps = steps,
              .num_tokens = static_cast<int64_t>(realised),
              .warmup_steps = std::llround(rule.warmup_fraction * static_cast<double>(steps))};
    }
  }
  throw error<ConfigError>(
      "impossible plan: {} tokens are not within {}% of a whole number of batches of {} tokens; "
      "raise the budget, lower dataset.seq_len or schedule.batch_size, or raise compute.tolerance.",
      format_count(tokens),
      format_number(100.0 * config.compute.tolerance),
      format_count(static_cast<double>(wanted) * seq_len));
}

double learning_rate(double model_size, int64_t num_steps, const LrSchedule& schedule) {
  const double by_size = std::pow(schedule.base_size / model_size, schedule.lr_power);
  const double by_steps =
      num_steps > 0
          ? std::pow(schedule.base_steps / static_cast<double>(num_steps), schedule.steps_power)
          : 1.0;
  return schedule.base_lr * by_size * by_steps;
}

}  // namespace ff::plan
