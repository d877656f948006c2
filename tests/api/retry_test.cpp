// SPDX-License-Identifier: MIT
#include "flops_fit/api/retry.h"

#include "support/catch.h"

#include "flops_fit/util/signals.h"

#include <chrono>
#include <csignal>

using namespace ff::api;

TEST_CASE("only what may end otherwise is repeated", "[api]") {
  const auto answered = [](int status) {
    return HttpResponse{.outcome = HttpOutcome::kAnswered, .status = status};
  };
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    CHECK(may_repeat(answered(status)));
    CHECK(outcome_unknown(answered(status)) == (status != 429));
  }
  for (const int status : {200, 301, 400, 401, 403, 404, 409, 422}) {
    CHECK_FALSE(may_repeat(answered(status)));
  }
  for (const auto outcome : {HttpOutcome::kTimeout, HttpOutcome::kLost}) {
    CHECK(may_repeat({.outcome = outcome}));
    CHECK(outcome_unknown({.outcome = outcome}));
  }
  for (const auto outcome : {HttpOutcome::kNoConnection,
                             HttpOutcome::kTls,
                             HttpOutcome::kTooLarge,
                             HttpOutcome::kStopped}) {
    CHECK_FALSE(may_repeat({.outcome = outcome}));
  }
}

TEST_CASE("Retry-After is seconds or an HTTP date", "[api]") {
  const int64_t now = 1'445'412'480;  // Wed, 21 Oct 2015 07:28:00 GMT, the example of RFC 9110
  CHECK(retry_after_s("120", now) == 120.0);
  CHECK(retry_after_s("0", now) == 0.0);
  CHECK(retry_after_s("Wed, 21 Oct 2015 07:28:30 GMT", now) == 30.0);
  CHECK(retry_after_s("Wednesday, 21-Oct-15 07:28:30 GMT", now) == 30.0);
  CHECK(retry_after_s("Wed, 21 Oct 2015 07:00:00 GMT", now) == 0.0);
  CHECK_FALSE(retry_after_s("", now));
  CHECK_FALSE(retry_after_s("soon", now));
  CHECK_FALSE(retry_after_s("-5", now).value_or(0.0) > 0.0);
}

TEST_CASE("waits grow twofold, with jitter over all of the range", "[api]") {
  CHECK(backoff_wait_s(1, 1.0, 100.0, 0.5) == 0.5);
  CHECK(backoff_wait_s(4, 1.0, 100.0, 0.5) == 4.0);
  CHECK(backoff_wait_s(40, 1.0, 100.0, 0.5) == 50.0);
  CHECK(backoff_wait_s(1000000, 1.0, 100.0, 0.0) == 0.0);
  double lowest = 1.0;
  double highest = 0.0;
  for (int i = 0; i < 1000; ++i) {
    const double u = uniform01();
    lowest = std::min(lowest, u);
    highest = std::max(highest, u);
  }
  CHECK(lowest < 0.05);
  CHECK(highest > 0.95);
  CHECK(highest < 1.0);
}

TEST_CASE("a stop signal ends a wait", "[api]") {
  ff::install_stop_handlers();
  CHECK(sleep_unless_stopped(0.0));
  std::raise(SIGTERM);
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(sleep_unless_stopped(60.0));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(30));
  ff::clear_stop_signal();
}
