// SPDX-License-Identifier: MIT
#include "conversation.h"

#include "flops_fit/api/answer.h"
#include "flops_fit/api/retry.h"
#include "flops_fit/api/service.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <ctime>
#include <mutex>
#include <set>
#include <utility>

namespace ff::api {

namespace {

/// The services that have answered this process: what cannot be reached afterwards may come back.
class Answered {
 public:
  void add(const std::string& base_url) {
    const std::lock_guard guard(mutex_);
    urls_.insert(base_url);
  }
  bool has(const std::string& base_url) {
    const std::lock_guard guard(mutex_);
    return urls_.contains(base_url);
  }

 private:
  std::mutex mutex_;
  std::set<std::string> urls_;
};

Answered& answered() {
  static Answered services;
  return services;
}

}  // namespace

Conversation::Conversation(const ApiSection& api, const Secret& key)
    : api_(api),
      key_(key),
      client_({.connect_timeout_s = api.connect_timeout_s,
               .timeout_s = api.timeout_s,
               .ca_file = api.ca_file}) {}

HttpResponse Conversation::send(const HttpRequest& request, const NoNeed& no_need) {
  for (int64_t attempt = 1;; ++attempt) {
    if (stop_signal() != 0) {
      throw Stopped();
    }
    HttpResponse response = client_.send(request);
    spdlog::debug("{}: {} after {:.3f} s",
                  request.name,
                  response.outcome == HttpOutcome::kAnswered
                      ? fmt::format("HTTP {}", response.status)
                      : describe(response),
                  response.seconds);
    stop_if_all_fail(request, response);
    if (not_sent(response)) {
      const bool was_there = request.of_known_run || answered().has(api_.base_url);
      if (!was_there || attempt == api_.max_attempts) {
        stop_unreachable(request, response, attempt);
      }
    } else {
      answered().add(api_.base_url);
      if (!may_repeat(response) || (no_need && no_need(response)) || attempt == api_.max_attempts) {
        return response;
      }
    }
    const auto asked = retry_after_s(response.retry_after, std::time(nullptr));
    if (asked && *asked > api_.max_wait_s) {
      throw Failure{fmt::format("{}; the service asks to wait {}, longer than api.max_wait_s={}",
                                describe(response),
                                format_duration(*asked),
                                format_number(api_.max_wait_s))};
    }
    const double wait =
        asked.value_or(0.0) +
        backoff_wait_s(asked ? 1 : attempt, api_.backoff_s, api_.max_wait_s, uniform01());
    spdlog::info("{}: {}; again in {:.1f} s (attempt {} of {})",
                 request.name,
                 describe(response),
                 wait,
                 attempt + 1,
                 api_.max_attempts);
    if (!sleep_unless_stopped(wait)) {
      throw Stopped();
    }
  }
}

std::string Conversation::describe(const HttpResponse& response) const {
  switch (response.outcome) {
    case HttpOutcome::kAnswered:
      return fmt::format("HTTP {}: {}", response.status, reason_in(response.body, api_, key_));
    case HttpOutcome::kTimeout:
      return fmt::format(
          "no complete answer within api.timeout_s={} (connection: "
          "api.connect_timeout_s={})",
          format_number(api_.timeout_s),
          format_number(api_.connect_timeout_s));
    case HttpOutcome::kTooLarge:
      return "the answer is above 16 MiB and was not read to its end";
    case HttpOutcome::kLost:
    case HttpOutcome::kNoConnection:
    case HttpOutcome::kTls:
    case HttpOutcome::kStopped:
      break;
  }
  return printable(response.problem, key_);
}

void Conversation::stop_if_all_fail(const HttpRequest& request,
                                    const HttpResponse& response) const {
  switch (response.outcome) {
    case HttpOutcome::kStopped:
      throw Stopped();
    default:
      break;
  }
  if (response.status == 401 || response.status == 403) {
    throw error<ServiceError>("{}: the service refuses {} ({}).",
                              request.name,
                              key_.empty() ? "to serve without a key; api.headers or a query needs "
                                             "{api_key}"
                                           : "the key in $" + api_.key_env,
                              describe(response));
  }
  if (response.status >= 300 && response.status < 400) {
    const std::string target = response.location.substr(0, response.location.find_first_of("?#"));
    throw error<ServiceError>(
        "{}: HTTP {} points to {}, and redirects are not followed, as the key would go along; set "
        "api.base_url to where the service is.",
        request.name,
        response.status,
        target.empty() ? "nowhere" : printable(target, key_));
  }
}

void Conversation::stop_unreachable(const HttpRequest& request,
                                    const HttpResponse& response,
                                    int64_t attempts) const {
  const std::string tried =
      attempts == 1 ? "" : fmt::format(" ({} attempts, api.max_attempts)", attempts);
  if (response.outcome == HttpOutcome::kTls) {
    throw error<ServiceError>(
        "{}: the service cannot prove who it is: {}{}; nothing was sent. (api.ca_file names the "
        "certificates of a private service.)",
        request.name,
        describe(response),
        tried);
  }
  throw error<ServiceError>("{}: {}{}; is the service running, and api.base_url right?{}",
                            request.name,
                            describe(response),
                            tried,
                            request.of_known_run ? " What was submitted is kept, and the next call "
                                                   "goes on with it."
                                                 : "");
}

io::Json Conversation::document(const HttpRequest& request, const HttpResponse& response) const {
  if (!response.ok()) {
    const bool refused = response.outcome == HttpOutcome::kAnswered && !may_repeat(response);
    throw Failure{fmt::format("{}: {}", request.name, describe(response)), refused};
  }
  auto parsed = parse_answer(response.body);
  if (!parsed) {
    const std::string line = printable(response.body, key_);
    throw Failure{fmt::format(
        "{}: the answer is not JSON: {}", request.name, line.empty() ? "(empty)" : line)};
  }
  return std::move(*parsed);
}

}  // namespace ff::api
