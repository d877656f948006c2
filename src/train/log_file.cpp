// SPDX-License-Identifier: MIT
#include "flops_fit/train/log_file.h"

#include "flops_fit/util/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ff::train {

LogFile::LogFile(std::filesystem::path path) : path_(std::move(path)) {
  // Without O_NONBLOCK, opening a pipe that nobody reads would wait for ever.
  constexpr int kFlags = O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  fd_ = ::open(path_.c_str(), kFlags, 0666);
  if (fd_ < 0 && errno == ELOOP) {
    throw error<PathError>(
        "{}: is a symbolic link, and what it points to is not to be written to; remove the link.",
        path_.string());
  }
  if (fd_ < 0) {
    throw_system_error(path_, "open", errno);
  }
  struct stat info {};
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd_);
    throw error<PathError>("{}: is not a regular file; remove it.", path_.string());
  }
  size_ = info.st_size;
}

LogFile::~LogFile() {
  ::close(fd_);
}

int64_t LogFile::whole_lines(int64_t bytes) const {
  std::array<char, 4096> buffer{};
  int64_t end = std::min(bytes, size_);
  while (end > 0) {
    const auto count = static_cast<size_t>(std::min<int64_t>(end, buffer.size()));
    const auto begin = end - static_cast<int64_t>(count);
    if (::pread(fd_, buffer.data(), count, begin) != static_cast<ssize_t>(count)) {
      throw error<StorageError>("{}: cannot read: {}.", path_.string(), std::strerror(errno));
    }
    const std::string_view text(buffer.data(), count);
    if (const size_t newline = text.rfind('\n'); newline != std::string_view::npos) {
      return begin + static_cast<int64_t>(newline) + 1;
    }
    end = begin;
  }
  return 0;
}

void LogFile::cut(int64_t bytes) {
  if (::ftruncate(fd_, bytes) != 0) {
    throw error<StorageError>("{}: cannot cut: {}.", path_.string(), std::strerror(errno));
  }
  size_ = bytes;
}

void LogFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      throw error<StorageError>("{}: cannot write: {}.", path_.string(), std::strerror(errno));
    }
    bytes.remove_prefix(static_cast<size_t>(count));
    size_ += count;
  }
}

}  // namespace ff::train
