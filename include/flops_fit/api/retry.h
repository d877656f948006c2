// SPDX-License-Identifier: MIT
#pragma once
// Whether a request is worth repeating, and when: exponential backoff with full jitter, after the
// server's Retry-After where it sends one.
#include "flops_fit/api/http.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace ff::api {

/// 429, 408, 5xx, and no (complete) answer. Everything else stays the same however often it is
/// tried.
[[nodiscard]] bool may_repeat(const HttpResponse& response);

/// The server may have carried it out all the same: all of the above but 429.
[[nodiscard]] bool outcome_unknown(const HttpResponse& response);

/// Nobody was there, or nobody who can prove who it is, so nothing was sent. A service that was
/// there before may be starting again.
[[nodiscard]] bool not_sent(const HttpResponse& response);

/// Seconds of a Retry-After header, from `now` (Unix time): a number, or an HTTP date; none if it
/// is neither. A date that has passed is 0.
[[nodiscard]] std::optional<double> retry_after_s(std::string_view header, int64_t now);

/// The wait after attempt number `attempt` (from 1 on): uniform in (0, backoff_s 2^(attempt-1)), so
/// that many clients do not come back together, at most max_wait_s. `uniform` is in [0, 1).
[[nodiscard]] double backoff_wait_s(int64_t attempt,
                                    double backoff_s,
                                    double max_wait_s,
                                    double uniform);

/// A random number in [0, 1); any thread.
[[nodiscard]] double uniform01();

/// False as soon as a stop signal arrives.
[[nodiscard]] bool sleep_unless_stopped(double seconds);

}  // namespace ff::api
