// SPDX-License-Identifier: MIT
#include "move_folder.h"

#include "run_folder.h"

#include "flops_fit/util/error.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <vector>

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

constexpr std::string_view kCopyEnd = ".copy.tmp";
constexpr std::string_view kRemovingEnd = ".moved.tmp";

/// ".<the folder's name><end>" in `parent`; what a call that was killed left there goes.
fs::path fresh_remnant(const fs::path& parent, const fs::path& folder, std::string_view end) {
  const fs::path path = parent / fmt::format(".{}{}", folder.filename().string(), end);
  std::error_code failure;
  fs::remove_all(path, failure);
  return path;
}

/// The whole folder leaves its name at once, so that no kill leaves half of it there.
void remove_whole(const fs::path& folder, const fs::path& copy) {
  const fs::path going = fresh_remnant(folder.parent_path(), folder, kRemovingEnd);
  std::error_code failure;
  fs::rename(folder, going, failure);
  if (failure.value() == EBUSY) {  // a mount point stays; its content goes, what names it first
    fs::remove(folder / kRequestFile, failure);
    check(failure, folder, "empty (a whole copy of it is " + copy.string() + ")");
    std::vector<fs::path> content;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, failure)) {
      content.push_back(entry.path());
    }
    for (const fs::path& path : content) {
      fs::remove_all(path, failure);
    }
    return;
  }
  check(failure, folder, "move away (a whole copy of it is " + copy.string() + ")");
  fs::remove_all(going, failure);  // the rest may stay: nobody looks there
}

void copy_and_remove(const fs::path& from, const fs::path& to) {
  const fs::path draft = fresh_remnant(to.parent_path(), to, kCopyEnd);
  std::error_code failure;
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
  remove_whole(from, to);
}

}  // namespace

fs::path free_name(const fs::path& wanted) {
  fs::path path = wanted;
  for (int i = 2;; ++i) {
    std::error_code failure;
    const fs::file_type found = fs::symlink_status(path, failure).type();
    if (found == fs::file_type::not_found) {
      return path;
    }
    if (found == fs::file_type::none) {
      throw_system_error(path, "look at", failure.value());
    }
    path = wanted;
    path += fmt::format("-{}", i);
  }
}

bool is_remnant(const fs::path& folder) {
  const std::string name = folder.filename().string();
  return name.starts_with('.') && (name.ends_with(kCopyEnd) || name.ends_with(kRemovingEnd));
}

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
