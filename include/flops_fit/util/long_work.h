// SPDX-License-Identifier: MIT
#pragma once
// Work that may take minutes and keeps nothing until it is done: reading a corpus, tokenising it.
// It says how far it is on stderr (util/progress.h), unless the log is quiet, and ends when a stop
// signal has arrived.
#include "flops_fit/util/error.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace ff {

/// A stop signal ended work that keeps nothing. The exit code is 128 and the signal.
class StoppedError : public Error {
 public:
  explicit StoppedError(int signal);
  ExitCode exit_code() const override { return static_cast<ExitCode>(128 + signal_); }

 private:
  int signal_;
};

class LongWork {
 public:
  /// `what` is shown: "reading corpus.txt". A total of 0 is one that is not known.
  LongWork(std::string what, int64_t total_bytes);
  ~LongWork();
  LongWork(const LongWork&) = delete;
  LongWork& operator=(const LongWork&) = delete;

  /// So much more is done. Throws StoppedError if a stop signal has arrived; to be called several
  /// times a second.
  void add(int64_t bytes);

 private:
  using Clock = std::chrono::steady_clock;

  std::string what_;
  int64_t total_;
  int64_t done_ = 0;
  Clock::time_point begin_ = Clock::now();
};

/// What a line of progress begins with that is meant for another program of ours.
inline constexpr std::string_view kProgressWord = "progress ";

/// From now on progress goes to stderr as lines "progress <text>", several a second, for the
/// program that started this one to show.
void hand_progress_to_parent();

}  // namespace ff
