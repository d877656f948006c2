// SPDX-License-Identifier: MIT
#include "conversation.h"

#include "flops_fit/api/fields.h"
#include "flops_fit/api/pointer.h"
#include "flops_fit/api/requests.h"
#include "flops_fit/api/service.h"
#include "flops_fit/api/submission.h"
#include "flops_fit/api/template.h"
#include "flops_fit/config/scalar.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <cmath>

namespace ff::api {
namespace {

/// Paid for already.
bool is_submitted(const Task& task) {
  const auto known = task.resume ? read_submission(task.run_dir) : std::nullopt;
  return known && known->state == Submission::State::kSubmitted &&
         known->config_hash == task.config_hash;
}

/// In the service's unit; check_service() has seen that it is a number.
double cost_of(const io::Experiment& experiment, const BudgetSection& budget) {
  const io::Json cost = expand_json(budget.cost, experiment);
  return cost.is_number() ? cost.get<double>()
                          : config::parse_real(cost.get<std::string>()).value_or(0.0);
}

/// What the service says is left.
double remaining(const ApiSection& api, const Secret& key) {
  Conversation conversation(api, key);
  const HttpRequest request = budget_request(api, key);
  try {
    const HttpResponse response = conversation.send(request);
    const io::Json document = conversation.document(request, response);
    const io::Json* value = find_at(document, api.budget.value);
    if (value == nullptr || !value->is_number() || !std::isfinite(value->get<double>())) {
      throw Failure{fmt::format("{}: no number at \"{}\" (api.budget.value): {}",
                                request.name,
                                api.budget.value,
                                printable(response.body, key))};
    }
    const double number = value->get<double>();
    return api.budget.kind == "used" ? api.budget.limit - number : number;
  } catch (const Failure& failure) {
    throw error<>("the service's budget is not known, and nothing was submitted: {}.",
                  failure.reason);
  }
}

}  // namespace

void check_budget(std::span<const Task> tasks, const ApiSection& api, const Secret& key) {
  if (api.budget.path.empty()) {
    return;
  }
  double needed = 0.0;
  int64_t count = 0;
  for (const Task& task : tasks) {
    if (!is_submitted(task)) {
      needed += api.budget.cost.empty() ? 0.0 : cost_of(task.experiment, api.budget);
      ++count;
    }
  }
  if (count == 0) {
    return;
  }
  const double left = remaining(api, key);
  if (left <= 0 || needed > left) {
    throw error<>(
        "the service's budget has {} left, and the {} experiments to submit cost {} "
        "(api.budget.cost); nothing was submitted. Plan fewer or smaller ones.",
        format_number(std::max(0.0, left)),
        count,
        format_number(needed));
  }
  spdlog::info("the service's budget has {} left; {} experiments cost {}",
               format_number(left),
               count,
               format_number(needed));
}

}  // namespace ff::api
