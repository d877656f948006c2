// SPDX-License-Identifier: MIT
#include "sweep_guard.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/long_work.h"
#include "flops_fit/util/machine.h"
#include "flops_fit/util/signals.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <random>
#include <thread>
#include <unistd.h>

namespace ff::run {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kMember = ".member";
/// Signing in takes as long as moving folders does, which may be copies to another file system.
constexpr double kSignInPatience_s = 600.0;

/// Refuses if the member is alive and wants another sweep. A dead one's file goes.
void check_member(const fs::path& file, const std::string& sweep, double timeout_s) {
  LockAttempt attempt(file, timeout_s);
  if (attempt.take() || !attempt.owner() || attempt.owner()->sweep == sweep) {
    return;
  }
  if (attempt.owner()->boot != boot_id()) {
    spdlog::info(
        "{} works on this folder with another configuration or plan, or has left its file "
        "behind: waiting up to {} s (run.lock_timeout_s) for a sign of life.",
        attempt.owner()->text(),
        timeout_s);
  }
  if (const Waited waited = wait_for_lock(attempt, 0.0); !waited.lock) {
    throw error<ConfigError>(
        "{}: another ff-train ({}) is at work in this folder with another configuration or plan; "
        "wait until it has ended, or give another output_dir.",
        file.parent_path().parent_path().parent_path().string(),
        waited.other.text());
  }
}

}  // namespace

Waited wait_for_lock(LockAttempt& attempt, double patience_s) {
  constexpr std::chrono::milliseconds kLookEvery{50};
  const auto start = Clock::now();
  std::optional<LockOwner> first;
  for (;;) {
    if (auto lock = attempt.take()) {
      return {.lock = std::move(lock)};
    }
    const LockOwner owner = attempt.owner().value_or(LockOwner{.host = "an unknown machine"});
    // One elsewhere that has not moved yet may be dead; take() knows after its timeout.
    const bool alive = owner.boot == boot_id() || (first && owner != *first);
    const double waited_s = std::chrono::duration<double>(Clock::now() - start).count();
    if (alive && waited_s >= patience_s) {
      return {.other = owner};
    }
    if (!first) {
      first = owner;
    }
    if (stop_signal() != 0) {
      throw StoppedError(stop_signal());
    }
    std::this_thread::sleep_for(kLookEvery);
  }
}

SweepGuard::SweepGuard(const fs::path& output, const std::string& sweep, double lock_timeout_s) {
  const fs::path folder = output / "runs" / ".sweep";
  LockAttempt turn(folder / "turn", lock_timeout_s, sweep);
  Waited waited = wait_for_lock(turn, kSignInPatience_s);
  if (!waited.lock) {
    throw error<Error>("{}: {} has been starting for {} s; is it suspended?",
                       (folder / "turn").string(),
                       waited.other.text(),
                       kSignInPatience_s);
  }
  turn_ = std::move(waited.lock);
  std::error_code failure;
  std::vector<fs::path> members;
  for (fs::directory_iterator entry(folder, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    if (entry->path().extension() == kMember) {
      members.push_back(entry->path());
    }
  }
  for (const fs::path& member : members) {
    check_member(member, sweep, lock_timeout_s);
  }
  std::random_device random;
  const fs::path own =
      folder / fmt::format("{}.{}.{:08x}{}", host_name(), ::getpid(), random(), kMember);
  membership_ = LockAttempt(own, lock_timeout_s, sweep).take();
  if (!membership_) {
    throw error<Error>("{}: cannot be locked by its own maker.", own.string());
  }
}

}  // namespace ff::run
