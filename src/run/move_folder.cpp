// SPDX-License-Identifier: MIT
#include "move_folder.h"

#include "flops_fit/util/error.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace ff::run {
namespace {

namespace fs = std::filesystem;

void check(const std::error_code& failure, const fs::path& path, std::string_view what) {
  if (failure) {
    throw_system_error(path, what, failure.value());
  }
}

void sync_file_system(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    ::syncfs(fd);
    ::close(fd);
  }
}

void copy_and_remove(const fs::path& from, const fs::path& to) {
  const fs::path draft = to.parent_path() / ("." + to.filename().string() + ".copy.tmp");
  std::error_code failure;
  fs::remove_all(draft, failure);  // of a call that was killed
  fs::copy(from, draft, fs::copy_options::recursive | fs::copy_options::copy_symlinks, failure);
  if (!failure) {
    sync_file_system(draft);
    fs::rename(draft, to, failure);
  }
  if (failure) {
    std::error_code ignored;
    fs::remove_all(draft, ignored);
    throw_system_error(from, "copy to " + to.string(), failure.value());
  }
  fs::remove_all(from, failure);
  check(failure, from, "remove (a whole copy of it is " + to.string() + ")");
}

}  // namespace

void move_folder(const fs::path& from, const fs::path& to) {
  std::error_code failure;
  fs::create_directories(to.parent_path(), failure);
  check(failure, to.parent_path(), "make the folder");
  fs::rename(from, to, failure);
  if (failure.value() == EXDEV || failure.value() == EBUSY) {  // EBUSY: it is a mount point
    copy_and_remove(from, to);
    return;
  }
  check(failure, from, "move to " + to.string());
}

}  // namespace ff::run
