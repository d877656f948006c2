// SPDX-License-Identifier: MIT
#include "flops_fit/io/consistency.h"

#include "flops_fit/cost/transformer.h"
#include "flops_fit/io/counting.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/units.h"

#include <cmath>
#include <optional>
#include <string_view>

namespace ff::io {
namespace {

/// Of an abstract size: whole numbers of parameters and tokens, by truncation.
constexpr double kTruncation = 0.01;
/// Between a budget and what a plan spends of it; compute.tolerance is at most 0.5.
constexpr double kFarFromBudget = 2.2;
constexpr std::string_view kCostOfTokens = "what num_tokens cost, ";

class Place {
 public:
  Place(const std::string& where, const char* remedy) : where_(where), remedy_(remedy) {}

  [[noreturn]] void refuse(std::string_view field,
                           const std::string& expected,
                           const std::string& found) const {
    throw error<FileError>("{}.{}: expected {}, found {}; restore the file, or {}.",
                           where_,
                           field,
                           expected,
                           found,
                           remedy_);
  }
  void expect(std::string_view field, int64_t found, int64_t expected, std::string_view as) const {
    if (found != expected) {
      refuse(field, fmt::format("{} ({})", expected, as), fmt::format("{}", found));
    }
  }

 private:
  const std::string& where_;
  const char* remedy_;
};

/// Model size is one of the counts; model.count of ff-plan says which.
void check_model_size(int64_t model_size, const cost::ParamCounts& counts, const Place& place) {
  if (model_size != counts.matmul && model_size != counts.total &&
      model_size != counts.non_embedding) {
    place.refuse("model_size",
                 fmt::format("{} (matmul), {} (total) or {} (non_embedding), as the architecture "
                             "has them",
                             counts.matmul,
                             counts.total,
                             counts.non_embedding),
                 fmt::format("{}", model_size));
  }
}

/// All but the total: a trained model may have gains in its norms, which a plan does not know.
void check_parts(const cost::ParamCounts& found,
                 const cost::ParamCounts& expected,
                 const Place& place) {
  constexpr const char* kAs = "as counted from the architecture";
  place.expect("params.matmul", found.matmul, expected.matmul, kAs);
  place.expect("params.non_embedding", found.non_embedding, expected.non_embedding, kAs);
  place.expect("params.embedding", found.embedding, expected.embedding, kAs);
  place.expect("params.head", found.head, expected.head, kAs);
}

void check_range(std::string_view field, double found, double most, const Place& place) {
  if (!(found >= 0 && found <= most)) {
    place.refuse(
        field, fmt::format("a number from 0 to {}", format_number(most)), format_number(found));
  }
}

void check_size(const Experiment& e, const Place& place) {
  if (e.architecture) {
    const cost::ParamCounts counts = cost::count_params(*e.architecture);
    if (e.params) {
      check_parts(*e.params, counts, place);
      place.expect(
          "params.total", e.params->total, counts.total, "as counted from the architecture");
    }
    check_model_size(e.model_size, counts, place);
  } else if (e.params) {
    check_model_size(e.model_size, *e.params, place);
  }
}

void check_run_length(const Experiment& e, const Place& place) {
  if (e.batch_size == 0 && e.num_steps == 0) {
    return;  // an abstract size
  }
  for (const auto& [field, count] :
       {std::pair{"batch_size", e.batch_size}, std::pair{"num_steps", e.num_steps}}) {
    if (count < 1) {
      place.refuse(field, "a count of at least 1", fmt::format("{}", count));
    }
  }
  if (e.warmup_steps > e.num_steps) {
    place.refuse("warmup_steps",
                 fmt::format("at most num_steps={}", e.num_steps),
                 fmt::format("{}", e.warmup_steps));
  }
  if (e.architecture) {
    place.expect("num_tokens",
                 e.num_tokens,
                 e.batch_size * e.architecture->seq_len * e.num_steps,
                 "batch_size x seq_len x num_steps");
  }
}

/// Refuses FLOPs that neither formula gives for so many tokens.
void check_counted(std::string_view field,
                   double found,
                   const TokenCost& cost,
                   double tokens,
                   const Place& place) {
  if (!same_number(found, cost.exact * tokens) && !same_number(found, cost.six_n * tokens)) {
    place.refuse(field,
                 fmt::format("{} (as counted from the architecture) or {} (6 model_size{})",
                             format_number(cost.exact * tokens),
                             format_number(cost.six_n * tokens),
                             tokens == 1 ? "" : " num_tokens"),
                 format_number(found));
  }
}

/// What the tokens cost by the formula that is nearer to the budget [FLOP].
double likely_cost(const TokenCost& cost, double tokens, double budget) {
  const auto distance = [&](double per_token) {
    return std::abs(std::log(per_token * tokens / budget));
  };
  return tokens * (distance(cost.exact) <= distance(cost.six_n) ? cost.exact : cost.six_n);
}

/// Refuses a budget that is far from what is spent of it: less than spent / `over`, or more than
/// `under` times as much. `spent_as` says what that is.
void check_budget(double budget,
                  double spent,
                  double over,
                  double under,
                  std::string_view spent_as,
                  const Place& place) {
  if (spent > over * budget || budget > under * spent) {
    place.refuse("compute_budget",
                 fmt::format("about {}{}", spent_as, format_number(spent)),
                 format_number(budget));
  }
}

void check_flops(const Experiment& e, const Place& place) {
  const auto tokens = static_cast<double>(e.num_tokens);
  check_range("compute_budget", e.compute_budget, kMaxRunFlops, place);
  check_range("flops_per_token", e.flops_per_token, kMaxRunFlops, place);
  check_range("planned_flops", e.planned_flops, kMaxRunFlops, place);
  check_range("predicted_seconds", e.predicted_seconds, kMaxRunFlops, place);
  const auto cost =
      e.architecture ? std::optional(token_cost(*e.architecture, e.model_size)) : std::nullopt;
  if (cost && e.flops_per_token > 0) {
    check_counted("flops_per_token", e.flops_per_token, *cost, 1, place);
  }
  if (e.flops_per_token > 0 && e.planned_flops > 0) {
    const double product = e.flops_per_token * tokens;
    if (!same_number(e.planned_flops, product)) {
      place.refuse("planned_flops",
                   format_number(product) + " (flops_per_token x num_tokens)",
                   format_number(e.planned_flops));
    }
  } else if (cost && e.planned_flops > 0) {
    check_counted("planned_flops", e.planned_flops, *cost, tokens, place);
  }
  if (e.planned_flops > 0) {
    check_budget(
        e.compute_budget, e.planned_flops, kFarFromBudget, kFarFromBudget, "planned_flops=", place);
  } else if (cost || e.flops_per_token > 0) {
    const double spent = e.flops_per_token > 0 ? e.flops_per_token * tokens
                                               : likely_cost(*cost, tokens, e.compute_budget);
    check_budget(e.compute_budget, spent, kFarFromBudget, kFarFromBudget, kCostOfTokens, place);
  }
  // An abstract size of another program, which does not say what it spends, is as it is.
}

/// A run spends about its budget. One of this machine may have had batches of another size than
/// planned (trainer.batch_size): whole steps take up to a third off the tokens then, and a batch
/// beyond the whole plan is one step, without a limit; ff-analyze warns of those.
void check_spent(const RunResult& r, const cost::Architecture& arch, const Place& place) {
  const bool as_planned = r.engine.empty();
  const double spent = likely_cost(
      token_cost(arch, r.model_size), static_cast<double>(r.num_tokens), r.compute_budget);
  check_budget(r.compute_budget,
               spent,
               as_planned ? kFarFromBudget : INFINITY,
               as_planned ? kFarFromBudget : 1.5 * kFarFromBudget,
               kCostOfTokens,
               place);
}

}  // namespace

void check_consistent(const Experiment& e, const std::string& where) {
  const Place place(where, "run ff-plan again");
  check_size(e, place);
  check_run_length(e, place);
  check_flops(e, place);
  const auto size = static_cast<double>(e.model_size);
  const double ratio = static_cast<double>(e.num_tokens) / size;
  // 0 is what a plan without it has. The last part is what a small size may have lost.
  if (e.tokens_per_param != 0 &&
      !(std::abs(e.tokens_per_param - ratio) <= kTruncation * ratio + (1 + ratio) / size)) {
    place.refuse("tokens_per_param",
                 format_number(ratio) + " (num_tokens / model_size)",
                 format_number(e.tokens_per_param));
  }
  check_range("learning_rate", e.learning_rate, kMaxLearningRate, place);
  if (e.seed < 0) {
    place.refuse("seed", "a whole number from 0 on", fmt::format("{}", e.seed));
  }
}

void check_consistent(const RunResult& r, const std::string& where) {
  const Place place(where, "remove the run from it");
  check_range("compute_budget", r.compute_budget, kMaxRunFlops, place);
  check_range("actual_flops", r.actual_flops, kMaxRunFlops, place);
  if (r.version.empty() || !r.architecture) {
    return;
  }
  const cost::Architecture& arch = *r.architecture;
  const cost::ParamCounts counts = cost::count_params(arch);
  check_model_size(r.model_size, counts, place);
  if (r.params) {
    check_parts(*r.params, counts, place);
    const int64_t gains = 8 * (arch.num_layers + 1) * arch.d_model;  // more than there are
    if (r.params->total < counts.total || r.params->total > counts.total + gains) {
      place.refuse("params.total",
                   fmt::format("{} (as counted from the architecture, or more by the norms' gains)",
                               counts.total),
                   fmt::format("{}", r.params->total));
    }
  }
  check_spent(r, arch, place);
  // What ff-train trains itself it counts exactly, to the last step.
  if (r.completed() && !r.engine.empty()) {
    const double exact = cost::train_flops_per_token(arch) * static_cast<double>(r.num_tokens);
    if (!same_number(r.actual_flops, exact)) {
      place.refuse(
          "actual_flops",
          fmt::format("{} (as counted from architecture and num_tokens)", format_number(exact)),
          format_number(r.actual_flops));
    }
  }
}

}  // namespace ff::io
