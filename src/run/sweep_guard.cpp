// SPDX-License-Identifier: MIT
#include "sweep_guard.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/long_work.h"
#include "flops_fit/util/machine.h"
#include "flops_fit/util/signals.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <random>
#include <system_error>
#include <unistd.h>

namespace ff::run {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kMember = ".member";
/// Signing in takes as long as moving folders does, which may be copies to another file system.
constexpr double kSignInPatience_s = 600.0;

/// How a member's file names its part: "<sweep> <shard>/<shards>".
std::string part_of(const SweepWish& wish) {
  return fmt::format("{} {}/{}", wish.sweep, wish.shard.index, wish.shard.count);
}

/// Why the two cannot be at work together; empty if they can.
std::string conflict(const SweepWish& mine, const std::string& theirs) {
  if (!theirs.starts_with(mine.sweep + " ")) {
    return "with another configuration or plan";
  }
  const std::string shards = fmt::format("/{}", mine.shard.count);
  const bool other_shard = theirs.ends_with(shards) && theirs != part_of(mine);
  return mine.again && !other_shard ? "on the experiments that resume=false would run again" : "";
}

/// Refuses if the member is alive and in conflict. A dead one's file goes.
void check_member(const fs::path& file, const SweepWish& wish, double timeout_s) {
  LockAttempt attempt(file, timeout_s);
  if (attempt.take() || !attempt.owner() || conflict(wish, attempt.owner()->sweep).empty()) {
    return;
  }
  const std::string why = conflict(wish, attempt.owner()->sweep);
  if (attempt.owner()->boot != boot_id()) {
    spdlog::info(
        "{} works on this folder {}, or has left its file behind: waiting up to {} s "
        "(run.lock_timeout_s) for a sign of life.",
        attempt.owner()->text(),
        why,
        timeout_s);
  }
  if (const Waited waited = wait_for_lock(attempt, 0.0); !waited.lock) {
    throw error<ConfigError>(
        "{}: another ff-train ({}) is at work in this folder {}; wait until it has ended, or give "
        "another output_dir.",
        file.parent_path().parent_path().parent_path().string(),
        waited.other.text(),
        why);
  }
}

}  // namespace

Waited wait_for_lock(LockAttempt& attempt, double patience_s) {
  constexpr std::chrono::milliseconds kLookEvery{50};
  constexpr double kSayAfter_s = 3.0;
  const auto start = Clock::now();
  std::optional<LockOwner> first;
  bool said = false;
  for (;;) {
    if (auto lock = attempt.take()) {
      return {.lock = std::move(lock)};
    }
    const LockOwner owner = attempt.owner().value_or(LockOwner{.host = "an unknown machine"});
    // One elsewhere that has not moved yet may be dead; take() knows after its timeout.
    const bool alive = attempt.kernel_says_held() || (first && owner != *first);
    const double waited_s = std::chrono::duration<double>(Clock::now() - start).count();
    if (alive && waited_s >= patience_s) {
      return {.other = owner};
    }
    if (waited_s >= kSayAfter_s && !said) {
      said = true;
      spdlog::info("waiting for {}, which holds {}", owner.text(), attempt.path().string());
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

SweepGuard::SweepGuard(const fs::path& output, const SweepWish& wish, double lock_timeout_s) {
  const fs::path folder = output / "runs" / ".sweep";
  remove_dead_temporaries(folder);
  LockAttempt turn(folder / "turn", lock_timeout_s, wish.sweep);
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
    check_member(member, wish, lock_timeout_s);
  }
  std::random_device random;
  const fs::path own =
      folder / fmt::format("{}.{}.{:08x}{}", host_name(), ::getpid(), random(), kMember);
  membership_ = LockAttempt(own, lock_timeout_s, part_of(wish)).take();
  if (!membership_) {
    throw error<Error>("{}: cannot be locked by its own maker.", own.string());
  }
}

void SweepGuard::let_others_in() {
  const std::lock_guard guard(mutex_);
  turn_.reset();
}

void SweepGuard::beat() {
  const std::lock_guard guard(mutex_);
  membership_->beat();
  if (turn_) {
    turn_->beat();
  }
}

BackgroundBeat::BackgroundBeat(SweepGuard& guard) {
  const HeldSignals held;  // they are for the other threads
  try {
    beating_ = std::jthread([&guard](const std::stop_token& stop) {
      constexpr std::chrono::seconds kEvery{1};
      std::mutex mutex;
      std::condition_variable_any stopped;
      std::unique_lock lock(mutex);
      while (!stopped.wait_for(lock, stop, kEvery, [&] { return stop.stop_requested(); })) {
        guard.beat();
      }
    });
  } catch (const std::system_error&) {
    // as its class says
  }
}

}  // namespace ff::run
