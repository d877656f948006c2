// SPDX-License-Identifier: MIT
#include "flops_fit/run/run_lock.h"

#include "flops_fit/io/json.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/machine.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ff::run {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kBeatEvery{5};

/// None for an empty file, which nobody has signed yet. One that cannot be read (torn by a crash,
/// or read while it was written elsewhere) is somebody's on another machine, until it stays so.
std::optional<LockOwner> read_owner(int fd) {
  std::array<char, 1024> buffer{};
  const ssize_t size = ::pread(fd, buffer.data(), buffer.size(), 0);
  if (size <= 0) {
    return std::nullopt;
  }
  io::Json json;
  try {
    json = io::parse_json(std::string_view(buffer.data(), static_cast<size_t>(size)));
  } catch (const io::JsonError&) {
    // json stays null
  }
  if (!json.is_object()) {
    return LockOwner{.host = "an unknown machine"};
  }
  return LockOwner{.host = io::member_text(json, "host"),
                   .boot = io::member_text(json, "boot"),
                   .pid = static_cast<int64_t>(io::member_number(json, "pid").value_or(0)),
                   .beat = static_cast<int64_t>(io::member_number(json, "beat").value_or(0))};
}

/// Opens the file, and locks it unless somebody else has. -1: somebody has.
int open_locked(const fs::path& path, std::optional<LockOwner>& owner) {
  for (;;) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
      throw error<StorageError>("{}: cannot open: {}.", path.string(), std::strerror(errno));
    }
    const int status = ::flock(fd, LOCK_EX | LOCK_NB);
    const int problem = errno;
    owner = read_owner(fd);
    if (status != 0) {
      ::close(fd);
      if (problem != EWOULDBLOCK && problem != EINTR) {
        throw error<StorageError>(
            "{}: this file system cannot lock files ({}); put paths.output on one that can.",
            path.string(),
            std::strerror(problem));
      }
      return -1;
    }
    // Whoever held it before may have removed the file that we opened; then it locks nothing.
    struct stat ours {};
    struct stat now {};
    if (::fstat(fd, &ours) == 0 && ::stat(path.c_str(), &now) == 0 && ours.st_ino == now.st_ino &&
        ours.st_dev == now.st_dev) {
      return fd;
    }
    ::close(fd);
  }
}

}  // namespace

std::string LockOwner::text() const {
  return fmt::format("pid {} on {}", pid, host);
}

RunLock::RunLock(fs::path path, int fd)
    : path_(std::move(path)),
      fd_(fd),
      owner_{.host = host_name(), .boot = boot_id(), .pid = ::getpid(), .beat = 1},
      beaten_(Clock::now()) {}

bool RunLock::write_owner() const {
  const io::Json json = {
      {"host", owner_.host}, {"boot", owner_.boot}, {"pid", owner_.pid}, {"beat", owner_.beat}};
  const std::string text = json.dump() + "\n";
  return ::pwrite(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
         ::ftruncate(fd_, static_cast<off_t>(text.size())) == 0;
}

RunLock::RunLock(RunLock&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      owner_(std::move(other.owner_)),
      beaten_(other.beaten_) {}

RunLock& RunLock::operator=(RunLock&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(owner_, other.owner_);
  std::swap(beaten_, other.beaten_);
  return *this;
}

RunLock::~RunLock() {
  if (fd_ >= 0) {
    ::unlink(path_.c_str());
    ::close(fd_);
  }
}

void RunLock::beat() {
  if (Clock::now() - beaten_ >= kBeatEvery) {
    beaten_ = Clock::now();
    ++owner_.beat;
    static_cast<void>(write_owner());  // a full disk shows elsewhere
  }
}

bool LockAttempt::respects(const std::optional<LockOwner>& found) {
  if (!found || found->boot == boot_id()) {
    return false;  // on this machine the kernel would have told
  }
  if (found != owner_) {
    owner_ = found;
    seen_ = Clock::now();
  }
  return std::chrono::duration<double>(Clock::now() - seen_).count() < timeout_s_;
}

std::optional<RunLock> LockAttempt::take() {
  std::error_code failure;
  fs::create_directories(path_.parent_path(), failure);  // open() says what is wrong
  std::optional<LockOwner> found;
  const int fd = open_locked(path_, found);
  if (fd < 0) {
    owner_ = found;
    seen_ = Clock::now();
    return std::nullopt;
  }
  if (respects(found)) {
    ::close(fd);
    return std::nullopt;
  }
  if (found) {
    spdlog::info("{}: left behind by {}, which is gone; taken over.",
                 path_.parent_path().filename().string(),
                 found->text());
  }
  RunLock lock(path_, fd);
  if (!lock.write_owner()) {
    throw error<StorageError>("{}: cannot write: {}.", path_.string(), std::strerror(errno));
  }
  return lock;
}

}  // namespace ff::run
