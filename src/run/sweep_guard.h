// SPDX-License-Identifier: MIT
#pragma once
// Several ff-train may work on one output folder if they want the same: one configuration and one
// plan. Each signs in with a file of its own in runs/.sweep/, a lock that ends with its process;
// who wants something else than those signed in refuses to start. Signing in is done one at a time,
// and whoever does it may move run folders meanwhile.
#include "flops_fit/run/run_lock.h"

#include <filesystem>
#include <optional>
#include <string>

namespace ff::run {

struct Waited {
  std::optional<RunLock> lock;
  LockOwner other;  ///< who has it, if not we
};
/// Waits until the lock is ours, or an owner who is alive, on this machine or by its beat, has held
/// it for `patience_s`. Throws StoppedError when a stop signal comes, and what locks throw.
[[nodiscard]] Waited wait_for_lock(LockAttempt& attempt, double patience_s);

class SweepGuard {
 public:
  /// Signs in. `sweep` names configuration and plan (a hash). Throws ConfigError while an ff-train
  /// with another one is at work, StoppedError, and what locks throw.
  SweepGuard(const std::filesystem::path& output, const std::string& sweep, double lock_timeout_s);

  /// From here on others may sign in.
  void let_others_in() { turn_.reset(); }
  /// To be called now and then.
  void beat() { membership_->beat(); }

 private:
  std::optional<RunLock> turn_;
  std::optional<RunLock> membership_;
};

}  // namespace ff::run
