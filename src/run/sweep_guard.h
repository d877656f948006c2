// SPDX-License-Identifier: MIT
#pragma once
// Several ff-train may work on one output folder if they want the same: one configuration and one
// plan. Each signs in with a file of its own in runs/.sweep/, a lock that ends with its process;
// who wants something else than those signed in refuses to start. Signing in is done one at a time,
// and whoever does it may move run folders meanwhile.
#include "flops_fit/run/run_lock.h"
#include "flops_fit/run/shard.h"

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace ff::run {

struct Waited {
  std::optional<RunLock> lock;
  LockOwner other;  ///< who has it, if not we
};
/// Waits until the lock is ours, or an owner who is alive, on this machine or by its beat, has held
/// it for `patience_s`. Throws StoppedError when a stop signal comes, and what locks throw.
[[nodiscard]] Waited wait_for_lock(LockAttempt& attempt, double patience_s);

/// What an ff-train wants of an output folder.
struct SweepWish {
  std::string sweep;  ///< names configuration and plan (a hash)
  Shard shard;
  bool again = false;  ///< sets aside what was run of its shard (resume=false)
};

class SweepGuard {
 public:
  /// Signs in. Throws ConfigError while an ff-train is at work that wants another sweep, or runs
  /// what this one would set aside; StoppedError, and what locks throw.
  SweepGuard(const std::filesystem::path& output, const SweepWish& wish, double lock_timeout_s);

  /// From here on others may sign in.
  void let_others_in();
  /// To be called now and then. Thread-safe.
  void beat();

 private:
  std::mutex mutex_;  ///< of both locks
  std::optional<RunLock> turn_;
  std::optional<RunLock> membership_;
};

/// Beats while it lives, for work that takes long and cannot: copying folders, asking a service.
/// Where there is no room for a thread nobody beats, and machines that do not share our locks may
/// take us for dead.
class BackgroundBeat {
 public:
  explicit BackgroundBeat(SweepGuard& guard);

 private:
  std::jthread beating_;
};

}  // namespace ff::run
