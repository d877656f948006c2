// SPDX-License-Identifier: MIT
#include "flops_fit/util/atomic_file.h"

#include "temporary_names.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace ff {
namespace {

namespace fs = std::filesystem;

constexpr time_t kDay_s = 24 * 60 * 60;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// 0 or errno. Some file systems cannot sync a folder, or a file that no disk holds.
int sync(int fd) {
  return ::fsync(fd) == 0 || errno == EINVAL || errno == EROFS ? 0 : errno;
}

/// Makes a rename durable.
void sync_folder(const fs::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // A folder that may be written, but not read, cannot be opened; its file was synced.
  const int problem = opened.get() < 0 ? errno : sync(opened.get());
  if (problem != 0 && problem != EACCES) {
    throw_system_error(folder, "sync the folder", problem);
  }
}

void replace(const fs::path& temporary, const fs::path& target) {
  if (::rename(temporary.c_str(), target.c_str()) != 0) {
    throw_system_error(target, "replace the file", errno);
  }
}

/// What will be refused in the end is refused before an hour of writing.
void check_target(const fs::path& target) {
  struct stat info {};
  if (::lstat(target.c_str(), &info) != 0) {
    if (errno != ENOENT) {
      throw_system_error(target, "write", errno);
    }
  } else if (S_ISDIR(info.st_mode)) {
    throw_system_error(target, "write", EISDIR);
  }
}

bool is_same_file(int fd, int folder, const char* name) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(fd, &opened) == 0 && ::fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

enum class Lock { kOurs, kTheirs, kUnknown };

/// kUnknown: this file system has no locks, or too many.
Lock try_lock(int fd) {
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return Lock::kTheirs;
    }
    if (errno != EINTR) {
      return Lock::kUnknown;
    }
  }
  return Lock::kOurs;
}

size_t longest_name(const fs::path& folder) {
  const long most = ::pathconf(folder.c_str(), _PC_NAME_MAX);
  return most > 0 ? static_cast<size_t>(most) : 255;
}

/// That file system's own time, which may be another machine's; none if nothing can be written.
std::optional<time_t> time_in(const fs::path& folder) {
  try {
    const TemporaryFile fresh(folder / "now");
    struct stat info {};
    if (::lstat(fresh.path().c_str(), &info) == 0) {
      return info.st_mtime;
    }
  } catch (const Error&) {
    // what else is to be written there will say so
  }
  return std::nullopt;
}

/// Removes one, if it is dead for sure. `now` is asked for at most once for a folder.
void remove_if_dead(const fs::path& folder,
                    int folder_fd,
                    const char* name,
                    std::optional<std::optional<time_t>>& now) {
  const auto kind = detail::temporary_kind(name);
  if (kind == detail::TemporaryKind::kNone) {
    return;
  }
  // Open for writing, as a lock on a network's file system needs that.
  const Descriptor file(
      ::openat(folder_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat info {};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return;
  }
  const Lock lock = try_lock(file.get());
  if (lock == Lock::kTheirs) {
    return;
  }
  if (lock == Lock::kUnknown || kind != detail::TemporaryKind::kThisBoot) {
    now = now ? now : time_in(folder);
    if (!*now || **now - info.st_mtime < kDay_s) {
      return;
    }
  }
  if (is_same_file(file.get(), folder_fd, name)) {
    ::unlinkat(folder_fd, name, 0);
  }
}

}  // namespace

TemporaryFile::TemporaryFile(const fs::path& target) : target_(target) {
  const fs::path folder = folder_of(target);
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) {
    throw_system_error(folder, "create the folder", failure.value());
  }
  check_target(target);
  const size_t most_bytes = longest_name(folder);
  for (bool lockable = true; fd_ < 0;) {
    path_ = folder / detail::temporary_name(target.filename().string(), lockable, most_bytes);
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd_ < 0) {
      if (errno == EEXIST || errno == EINTR) {
        continue;
      }
      throw_system_error(target_, "write", errno);
    }
    const Lock lock = lockable ? try_lock(fd_) : Lock::kUnknown;
    // Before it was locked, a remove_dead_temporaries() may have taken it for a dead one's.
    const bool taken = lock == Lock::kTheirs ||
                       (lock == Lock::kOurs && !is_same_file(fd_, AT_FDCWD, path_.c_str()));
    if (taken || (lockable && lock == Lock::kUnknown)) {
      lockable = lock != Lock::kUnknown;
      ::unlink(path_.c_str());
      ::close(fd_);
      fd_ = -1;
    }
  }
  absolute_ = fs::absolute(path_, failure);
  if (!failure) {
    detail::remove_file_on_stop(absolute_.c_str());
  }
}

TemporaryFile::~TemporaryFile() {
  detail::forget_path(absolute_.c_str());
  if (!committed_) {
    ::unlink(path_.c_str());
  }
  ::close(fd_);
}

void TemporaryFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
    } else if (errno != EINTR) {
      throw_system_error(target_, "write", errno);
    }
  }
}

void TemporaryFile::commit() {
  if (const int problem = sync(fd_); problem != 0) {
    throw_system_error(target_, "sync", problem);
  }
  replace(path_, target_);
  committed_ = true;
  sync_folder(folder_of(target_));
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  TemporaryFile file(path);
  file.append(content);
  file.commit();
}

void remove_dead_temporaries(const fs::path& folder) {
  struct Close {
    void operator()(DIR* opened) const { ::closedir(opened); }
  };
  const std::unique_ptr<DIR, Close> opened(::opendir(folder.c_str()));
  if (!opened) {
    return;
  }
  std::optional<std::optional<time_t>> now;
  while (const dirent* entry = ::readdir(opened.get())) {
    remove_if_dead(folder, ::dirfd(opened.get()), entry->d_name, now);
  }
}

}  // namespace ff
