// SPDX-License-Identifier: MIT
#include "flops_fit/api/answer.h"

#include "flops_fit/api/fields.h"
#include "flops_fit/api/pointer.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ff::api {
namespace {

using io::Json;

/// Longest and largest that are believed: 3000 years, and far beyond any run.
constexpr double kMaxWallS = 1e11;
constexpr double kMaxFlops = 1e45;

std::optional<double> finite_number(const Json* value) {
  if (value == nullptr || !value->is_number() || !std::isfinite(value->get<double>())) {
    return std::nullopt;
  }
  return value->get<double>();
}

/// A number that is nice to have. Whatever else stands there is left out, which `doubt` then says.
std::optional<double> number_at(const Json& document,
                                const std::optional<std::string>& pointer,
                                double least,
                                double most,
                                const char* name,
                                const Secret& key,
                                std::string& doubt) {
  if (!pointer) {
    return std::nullopt;
  }
  const Json* value = find_at(document, *pointer);
  const auto number = finite_number(value);
  if (number && *number >= least && *number <= most) {
    return number;
  }
  doubt += fmt::format("{}the {} at \"{}\" ({}) is left out",
                       doubt.empty() ? "" : "; ",
                       name,
                       *pointer,
                       value == nullptr ? "nothing" : printable(as_text(*value), key));
  return std::nullopt;
}

std::string reason_at(const Json& document,
                      const std::string& body,
                      const ApiSection& api,
                      const Secret& key) {
  for (const std::string& pointer : api.response.error) {
    const Json* found = find_at(document, pointer);
    if (found != nullptr && !found->is_null() && !found->empty()) {
      const std::string reason = printable(as_text(*found), key);
      if (!reason.empty()) {
        return reason;
      }
    }
  }
  return printable(body, key);
}

bool lists(const std::vector<std::string>& statuses, const std::string& status) {
  return std::find(statuses.begin(), statuses.end(), status) != statuses.end();
}

}  // namespace

std::optional<Json> parse_answer(const std::string& body) {
  try {
    return io::parse_json(body);
  } catch (const io::JsonError&) {
    return std::nullopt;
  }
}

std::string reason_in(const std::string& body, const ApiSection& api, const Secret& key) {
  const auto document = parse_answer(body);
  const std::string reason = document ? reason_at(*document, body, api, key) : printable(body, key);
  return reason.empty() ? "no reason given" : reason;
}

Answer read_answer(const Json& document,
                   const std::string& body,
                   const ApiSection& api,
                   const Secret& key) {
  const ResponseSection& response = api.response;
  Answer answer;
  if (response.status) {
    const Json* status = find_at(document, *response.status);
    const std::string text =
        status != nullptr && status->is_primitive() ? as_text(*status) : std::string();
    answer.status = printable(text, key);
    if (lists(response.failed, text)) {
      answer.reason = reason_at(document, body, api, key);
      return answer;
    }
    if (lists(response.waiting, text)) {
      answer.kind = Answer::Kind::kWaiting;
      return answer;
    }
    if (!lists(response.done, text)) {
      answer.kind = Answer::Kind::kUnclear;
      answer.reason =
          status == nullptr
              ? fmt::format("no status at {}: {}", *response.status, printable(body, key))
              : fmt::format(
                    "the status \"{}\" is in none of api.response.done, failed, waiting: {}",
                    answer.status,
                    printable(body, key));
      return answer;
    }
  }
  const auto loss = finite_number(find_at(document, response.loss));
  if (!loss) {
    answer.reason = fmt::format(
        "no finite loss at \"{}\": {}", response.loss, reason_at(document, body, api, key));
    return answer;
  }
  if (*loss <= 0 || *loss > kHighestLoss) {
    answer.reason =
        fmt::format("the loss at \"{}\" is {}; a loss in nats per token is above 0 and at most {}",
                    response.loss,
                    format_number(*loss),
                    format_number(kHighestLoss));
    return answer;
  }
  answer.flops = number_at(document, response.flops, 1.0, kMaxFlops, "FLOPs", key, answer.doubt);
  answer.wall_s =
      number_at(document, response.wall_time, 0.0, kMaxWallS, "seconds", key, answer.doubt);
  answer.kind = Answer::Kind::kDone;
  answer.loss = *loss;
  return answer;
}

}  // namespace ff::api
