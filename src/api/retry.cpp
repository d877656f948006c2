// SPDX-License-Identifier: MIT
#include "flops_fit/api/retry.h"

#include "flops_fit/util/signals.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <curl/curl.h>
#include <random>
#include <string>
#include <thread>

namespace ff::api {

bool may_repeat(const HttpResponse& response) {
  return outcome_unknown(response) ||
         (response.outcome == HttpOutcome::kAnswered && response.status == 429);
}

bool outcome_unknown(const HttpResponse& response) {
  if (response.outcome == HttpOutcome::kAnswered) {
    return response.status == 408 || response.status >= 500;
  }
  return response.outcome == HttpOutcome::kTimeout || response.outcome == HttpOutcome::kLost;
}

bool not_sent(const HttpResponse& response) {
  return response.outcome == HttpOutcome::kNoConnection || response.outcome == HttpOutcome::kTls;
}

std::optional<double> retry_after_s(std::string_view header, int64_t now) {
  const std::string text(header);
  if (text.empty()) {
    return std::nullopt;
  }
  if (text.find_first_not_of("0123456789") == std::string::npos) {
    return std::strtod(text.c_str(), nullptr);
  }
  const time_t date = curl_getdate(text.c_str(), nullptr);
  if (date == -1) {
    return std::nullopt;
  }
  return std::max(0.0, static_cast<double>(static_cast<int64_t>(date) - now));
}

double backoff_wait_s(int64_t attempt, double backoff_s, double max_wait_s, double uniform) {
  return uniform *
         std::min(max_wait_s,
                  std::ldexp(backoff_s, static_cast<int>(std::min<int64_t>(attempt, 60)) - 1));
}

double uniform01() {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

bool sleep_unless_stopped(double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(seconds));
  // In slices: the signal may be delivered to another thread and then wakes nobody here.
  constexpr std::chrono::milliseconds kSlice(50);
  while (stop_signal() == 0) {
    const auto left = end - Clock::now();
    if (left <= Clock::duration::zero()) {
      return true;
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(left, kSlice));
  }
  return false;
}

}  // namespace ff::api
