// SPDX-License-Identifier: MIT
#include "flops_fit/run/run_lock.h"

#include "flops_fit/io/json.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/machine.h"

#include <spdlog/spdlog.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <random>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ff::run {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kBeatEvery{5};

std::string random_token() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

std::string read_start(int fd) {
  std::array<char, 1024> buffer{};
  const ssize_t size = ::pread(fd, buffer.data(), buffer.size(), 0);
  return {buffer.data(), size > 0 ? static_cast<size_t>(size) : 0};
}

/// Whether the file is one of our locks, or what a crash left of one: nothing, or bytes that never
/// reached the disk. A text of somebody's is not.
bool is_lock(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return false;
  }
  const std::string start = read_start(fd);
  return start.empty() || start.front() == '{' || start.front() == '\0';
}

/// An empty file, or one that cannot be read (torn by a crash, or read while it was written
/// elsewhere), is somebody's on another machine, until it stays so.
LockOwner read_owner(int fd) {
  io::Json json;
  try {
    json = io::parse_json(read_start(fd));
  } catch (const io::JsonError&) {
    // json stays null
  }
  if (!json.is_object()) {
    return {.host = "an unknown machine"};
  }
  return {.host = io::member_text(json, "host"),
          .boot = io::member_text(json, "boot"),
          .pid = static_cast<int64_t>(io::member_number(json, "pid").value_or(0)),
          .beat = static_cast<int64_t>(io::member_number(json, "beat").value_or(0)),
          .token = io::member_text(json, "token"),
          .sweep = io::member_text(json, "sweep")};
}

/// Whether the path still names the file that is open.
bool is_at(int fd, const fs::path& path) {
  struct stat ours {};
  struct stat there {};
  return ::fstat(fd, &ours) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

bool write_owner(int fd, const LockOwner& owner) {
  const io::Json json = {{"host", owner.host},
                         {"boot", owner.boot},
                         {"pid", owner.pid},
                         {"beat", owner.beat},
                         {"token", owner.token},
                         {"sweep", owner.sweep}};
  const std::string text = io::json_text(json) + "\n";
  return ::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
         ::ftruncate(fd, static_cast<off_t>(text.size())) == 0;
}

/// flock without waiting; false: somebody else holds it.
bool lock_now(int fd, const fs::path& path) {
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return false;
    }
    if (errno != EINTR) {
      throw error<StorageError>(
          "{}: this file system cannot lock files ({}); put paths.output on one that can.",
          path.string(),
          std::strerror(errno));
    }
  }
  return true;
}

/// A descriptor that is closed at the end of the scope, unless it is released.
class Open {
 public:
  Open(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  explicit Open(int fd) : fd_(fd) {}
  ~Open() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

[[noreturn]] void fail_to_open(const fs::path& path, int code) {
  if (code == ELOOP) {
    throw error<PathError>(
        "{}: is a symbolic link, and a lock is never written through one; remove it.",
        path.string());
  }
  throw_system_error(path, "open", code);
}

/// Makes the lock file, signed and locked, under its name at once; -1 if there is one by now.
int create_signed(const fs::path& path, const LockOwner& owner) {
  const TemporaryFile draft(path);
  // Of the same opening, so that the lock outlives the draft.
  Open file(::fcntl(draft.descriptor(), F_DUPFD_CLOEXEC, 0));
  if (file.get() < 0) {
    throw_system_error(path, "open", errno);
  }
  if (!write_owner(file.get(), owner)) {
    throw_system_error(path, "write", errno);
  }
  if (!lock_now(file.get(), path)) {
    return -1;  // nobody knows the name; ask again
  }
  bool ours = ::link(draft.path().c_str(), path.c_str()) == 0;
  int problem = ours || errno == EEXIST ? 0 : errno;
  const bool no_links = problem == EPERM || problem == EOPNOTSUPP || problem == ENOSYS;
  if (no_links) {  // FAT and the like: then the name appears by a rename that replaces nothing
    ours =
        ::renameat2(AT_FDCWD, draft.path().c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0;
    problem = ours || errno == EEXIST ? 0 : errno;
  }
  if (problem != 0) {
    throw_system_error(path, "write", problem);
  }
  return ours ? file.release() : -1;
}

/// Takes away the lock of an owner on another machine that has been silent too long. If somebody
/// was quicker, and what was moved is theirs, it is put back.
void remove_stale(const fs::path& path, const LockOwner& owner) {
  const TemporaryFile place(path);  // goes at the end of the scope, with what was moved over it
  if (::rename(path.c_str(), place.path().c_str()) != 0) {
    if (errno == ENOENT) {
      return;  // somebody was quicker
    }
    throw_system_error(path, "take over the lock of " + owner.text(), errno);
  }
  const Open moved(place.path(), O_RDONLY | O_NOFOLLOW);
  if (moved.get() >= 0 && read_owner(moved.get()) != owner) {
    static_cast<void>(::link(place.path().c_str(), path.c_str()));
  }
}

}  // namespace

std::string LockOwner::text() const {
  return fmt::format("pid {} on {}", pid, host);
}

RunLock::RunLock(fs::path path, int fd, LockOwner owner)
    : path_(std::move(path)), fd_(fd), owner_(std::move(owner)), beaten_(Clock::now()) {}

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
    if (is_at(fd_, path_) && read_owner(fd_).token == owner_.token) {
      ::unlink(path_.c_str());
    }
    ::close(fd_);
  }
}

void RunLock::beat() {
  if (Clock::now() - beaten_ >= kBeatEvery) {
    beaten_ = Clock::now();
    ++owner_.beat;
    static_cast<void>(write_owner(fd_, owner_));  // a full disk shows elsewhere
  }
}

bool LockAttempt::respects(const LockOwner& found) {
  if (found.boot == boot_id()) {
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
  LockOwner me{.host = host_name(),
               .boot = boot_id(),
               .pid = ::getpid(),
               .beat = 1,
               .token = random_token(),
               .sweep = sweep_};
  for (;;) {
    Open file(path_, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (file.get() < 0 && errno != ENOENT) {
      fail_to_open(path_, errno);
    }
    if (file.get() < 0) {
      if (const int fd = create_signed(path_, me); fd >= 0) {
        return RunLock(path_, fd, std::move(me));
      }
      continue;
    }
    if (!is_lock(file.get())) {
      throw error<PathError>("{}: is no lock of ff-train's, which belongs there; move it away.",
                             path_.string());
    }
    if (!lock_now(file.get(), path_)) {
      owner_ = read_owner(file.get());
      seen_ = Clock::now();
      kernel_says_held_ = true;
      return std::nullopt;
    }
    if (!is_at(file.get(), path_)) {
      continue;  // whoever held it before has removed it: it locks nothing
    }
    kernel_says_held_ = false;
    const LockOwner found = read_owner(file.get());
    if (respects(found)) {
      return std::nullopt;
    }
    spdlog::info("{}: left behind by {}, which is gone; taken over.",
                 path_.parent_path().filename().string(),
                 found.text());
    if (found.boot != me.boot) {
      remove_stale(path_, found);
      continue;
    }
    if (!write_owner(file.get(), me)) {
      throw_system_error(path_, "write", errno);
    }
    return RunLock(path_, file.release(), std::move(me));
  }
}

}  // namespace ff::run
