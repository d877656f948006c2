// SPDX-License-Identifier: MIT
#pragma once
// A lock file: one experiment is run by one ff-train at a time (runs/<id>/lock).
//
// On one machine (and on file systems that share them) the kernel's lock on the file decides
// (flock(2)): it ends with the processes that hold it, so a lock left behind by a killed one is
// known as stale at once. A worker inherits it: if ff-train is killed, its worker still holds the
// lock until it has saved. File systems that do not carry flock to other machines are why the file
// also names its owner and a beat, which the owner raises every few seconds: as long as the beat of
// an owner on another machine rises, the lock is respected. Nobody's clock is compared. The file
// appears whole, under its name (link(2)), is taken from a dead owner by renaming it away, and is
// removed only by the owner whose token it still holds, so that two machines cannot both have it.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace ff::run {

/// What a lock file says.
struct LockOwner {
  std::string host;
  std::string boot;  ///< boot_id() there
  int64_t pid = 0;
  int64_t beat = 0;
  std::string token;  ///< tells this owner from every other, also of the same process id
  std::string sweep;  ///< which configuration and plan it works on; empty where that is not said

  [[nodiscard]] std::string text() const;  ///< "pid 123 on host", for messages
  bool operator==(const LockOwner&) const = default;
};

class RunLock {
 public:
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  /// Removes the file, if it is still ours, and lets go, unless a worker still holds the lock.
  ~RunLock();

  /// To be handed to a worker: it holds the lock as long as the worker has it open.
  [[nodiscard]] int descriptor() const { return fd_; }
  /// Tells other machines that the owner lives; to be called now and then.
  void beat();

 private:
  friend class LockAttempt;
  RunLock(std::filesystem::path path, int fd, LockOwner owner);

  std::filesystem::path path_;
  int fd_ = -1;
  LockOwner owner_;
  std::chrono::steady_clock::time_point beaten_;
};

/// The attempts to get one lock. Whether an owner elsewhere is alive shows over time.
class LockAttempt {
 public:
  /// `timeout_s`: how long a silent owner on another machine is respected. `sweep` is written into
  /// the lock (LockOwner::sweep).
  LockAttempt(std::filesystem::path path, double timeout_s, std::string sweep = "")
      : path_(std::move(path)), timeout_s_(timeout_s), sweep_(std::move(sweep)) {}

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// The lock (in a folder that is made if need be), or none while another holds it: then owner()
  /// says who. Throws StorageError where files cannot be locked, PathError where this file cannot
  /// be (a symbolic link stands there, say), ResourceError.
  [[nodiscard]] std::optional<RunLock> take();
  [[nodiscard]] const std::optional<LockOwner>& owner() const { return owner_; }
  /// Whether the kernel refused the lock to the last take(), so that its owner lives for sure.
  [[nodiscard]] bool kernel_says_held() const { return kernel_says_held_; }

 private:
  /// Whether this owner, on another machine, may be alive.
  bool respects(const LockOwner& found);

  std::filesystem::path path_;
  double timeout_s_;
  std::string sweep_;
  std::optional<LockOwner> owner_;
  std::chrono::steady_clock::time_point seen_;  ///< when owner_ last changed
  bool kernel_says_held_ = false;
};

}  // namespace ff::run
