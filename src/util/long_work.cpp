// SPDX-License-Identifier: MIT
#include "flops_fit/util/long_work.h"

#include "flops_fit/util/progress.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/terminal.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <utility>

namespace ff {
namespace {

std::atomic<bool> for_parent = false;

/// One for all work of this process, so that its pauses count from one piece of work to the next.
/// Several threads may work at once.
struct Shown {
  std::mutex mutex;
  Progress progress{spdlog::should_log(spdlog::level::info)};
  std::chrono::steady_clock::time_point handed_on;
};

Shown& shown() {
  static Shown instance;
  return instance;
}

void show(const std::string& line) {
  constexpr auto kPause = std::chrono::milliseconds(200);
  Shown& where = shown();
  const std::lock_guard lock(where.mutex);
  if (!for_parent) {
    where.progress.show(line);
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - where.handed_on >= kPause) {
    where.handed_on = now;
    write_to_stderr(fmt::format("{}{}\n", kProgressWord, line));
  }
}

}  // namespace

StoppedError::StoppedError(int signal)
    : Error(fmt::format("stopped by signal {} ({}).", signal, ::strsignal(signal))),
      signal_(signal) {}

LongWork::LongWork(std::string what, int64_t total_bytes)
    : what_(std::move(what)), total_(total_bytes) {}

LongWork::~LongWork() {
  Shown& where = shown();
  const std::lock_guard lock(where.mutex);
  where.progress.clear();
}

void LongWork::add(int64_t bytes) {
  if (const int signal = stop_signal(); signal != 0) {
    throw StoppedError(signal);
  }
  done_ += bytes;
  const double elapsed_s = std::chrono::duration<double>(Clock::now() - begin_).count();
  if (elapsed_s < 0.2 || done_ <= 0) {
    return;
  }
  const auto done = static_cast<double>(done_);
  if (total_ == 0) {
    show(fmt::format("{}: {}B", what_, format_count(done)));
    return;
  }
  const auto total = static_cast<double>(std::max(total_, done_));
  show(fmt::format("{}: {}B of {}B, {} left",
                   what_,
                   format_count(done),
                   format_count(total),
                   format_duration(elapsed_s * (total - done) / done)));
}

void hand_progress_to_parent() {
  for_parent = true;
}

}  // namespace ff
