// SPDX-License-Identifier: MIT
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/long_work.h"
#include "flops_fit/util/signals.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ff {
namespace {

/// Of a pipe, whose length nobody knows before its end.
constexpr size_t kMaxPipeBytes = size_t{1} << 30;
constexpr size_t kChunk = size_t{1} << 16;

struct Descriptor {
  int fd;
  ~Descriptor() { ::close(fd); }
};

/// Waits a little for the other end of a pipe; a regular file never asks for it. Throws
/// StoppedError when a stop signal comes.
void wait_for_data(int fd) {
  constexpr int kLookMs = 100;
  if (stop_signal() != 0) {
    throw StoppedError(stop_signal());
  }
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  ::poll(&waiting, 1, kLookMs);
}

}  // namespace

std::string read_file(const std::filesystem::path& path, size_t most_bytes) {
  const std::string name = path.string();
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    throw_read_error(path, "open", errno);
  }
  const Descriptor closes{fd};
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    throw_read_error(path, "read", errno);
  }
  if (S_ISDIR(info.st_mode)) {
    throw error<FileError>("{}: is a folder, expected a file.", name);
  }
  const bool pipe = S_ISFIFO(info.st_mode);
  if (!S_ISREG(info.st_mode) && !pipe) {
    throw error<FileError>("{}: is a device or a socket, expected a file.", name);
  }
  const size_t limit = pipe ? std::min(most_bytes, kMaxPipeBytes) : most_bytes;
  const auto size = static_cast<size_t>(info.st_size);
  const auto check_size = [&](size_t bytes) {
    if (bytes > limit) {
      throw error<FileError>("{}: has more than {} bytes, too many for {}.",
                             name,
                             limit,
                             pipe ? "a pipe; give a file" : "such a file");
    }
  };
  check_size(size);
  // One byte more than the file has shows its end; those of /proc say that they have none.
  std::string content(std::max(size + 1, kChunk), '\0');
  for (size_t used = 0;;) {
    if (used == content.size()) {
      content.resize(2 * used);
    }
    const ssize_t count = ::read(fd, content.data() + used, content.size() - used);
    if (count == 0) {
      content.resize(used);
      return content;
    }
    if (count > 0) {
      used += static_cast<size_t>(count);
      check_size(used);
    } else if (errno == EAGAIN) {
      wait_for_data(fd);
    } else if (errno != EINTR) {
      throw_read_error(path, "read", errno);
    }
  }
}

}  // namespace ff
