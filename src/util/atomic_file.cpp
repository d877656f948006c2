// SPDX-License-Identifier: MIT
#include "flops_fit/util/atomic_file.h"

#include "flops_fit/util/error.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <system_error>
#include <unistd.h>

namespace ff {
namespace {

namespace fs = std::filesystem;

/// fsync of a file or folder; on a folder it makes the rename durable.
void sync_path(const fs::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) {
    throw error<StorageError>(
        "{}: cannot open for syncing: {}", path.string(), std::strerror(errno));
  }
  const int status = ::fsync(fd);
  const int saved = errno;
  ::close(fd);
  // Some file systems cannot sync a folder; the data itself was synced.
  if (status != 0 && saved != EINVAL && saved != EROFS) {
    throw error<StorageError>("{}: cannot sync: {}", path.string(), std::strerror(saved));
  }
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

namespace detail {

fs::path temporary_beside(const fs::path& path) {
  static std::atomic<int> counter{0};
  std::error_code failure;
  fs::create_directories(folder_of(path), failure);
  if (failure) {
    throw error<StorageError>(
        "{}: cannot create the folder: {}", folder_of(path).string(), failure.message());
  }
  return folder_of(path) /
         fmt::format(".{}.{}.{}.tmp", path.filename().string(), ::getpid(), counter++);
}

void commit_file(const fs::path& temporary, const fs::path& path) {
  sync_path(temporary, O_RDONLY);
  std::error_code failure;
  fs::rename(temporary, path, failure);
  if (failure) {
    throw error<StorageError>("{}: cannot replace the file: {}", path.string(), failure.message());
  }
  sync_path(folder_of(path), O_RDONLY | O_DIRECTORY);
}

void discard_file(const fs::path& temporary) noexcept {
  std::error_code ignored;
  fs::remove(temporary, ignored);
}

}  // namespace detail

void write_file_atomically(const fs::path& path, std::string_view content) {
  write_atomically(path, [&](const fs::path& temporary) {
    errno = 0;
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    out.close();
    if (!out) {
      throw error<StorageError>("{}: cannot write: {}. The old file, if any, is untouched.",
                                path.string(),
                                std::strerror(errno));
    }
  });
}

}  // namespace ff
