// SPDX-License-Identifier: MIT
#pragma once
// Files that are either the old or the new version, never half of one: write to a temporary file in
// the same folder, fsync, rename.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace ff {

/// A new file beside `target`, which takes its place with commit(), or goes with this object. Its
/// name is ".<target's name>.<host>-<boot>.<pid>.<random>.tmp", so that no two processes share one,
/// in whatever containers and on whatever machines they are; a lock on it (flock) says that it is
/// being written. A signal that ends the program removes it (see signals.h).
/// All members throw StorageError, PathError or ResourceError; the target is then untouched.
class TemporaryFile {
 public:
  /// Creates the target's folder, too.
  explicit TemporaryFile(const std::filesystem::path& target);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  /// Where to write, for whoever opens it again; append() needs no second descriptor.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void append(std::string_view bytes);
  /// Holds the lock that says that it is being written.
  [[nodiscard]] int descriptor() const { return fd_; }
  /// Makes it durable and puts it in the target's place.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;
  std::filesystem::path absolute_;  ///< for the signal handler, should the current folder change
  int fd_ = -1;
  bool committed_ = false;
};

/// Writes `content` to `path`, creating its folder. Throws as TemporaryFile does.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// Runs `write(temporary_path)` and renames what it wrote to `path`, for writers that stream.
template <class Write>
void write_atomically(const std::filesystem::path& path, Write&& write) {
  TemporaryFile file(path);
  write(file.path());
  file.commit();
}

/// Removes what TemporaryFile left in `folder` where its writer was killed: files of exactly its
/// names that nobody holds, of this start of this machine; of other machines, those older than a
/// day by that file system's own clock. Everything else stays. What cannot be removed stays, too.
void remove_dead_temporaries(const std::filesystem::path& folder);

/// The whole file, or what a pipe gives until its end, as bytes. Throws FileError: missing, a
/// folder or device, unreadable, more than `most_bytes`. A pipe that nobody writes to is empty.
[[nodiscard]] std::string read_file(const std::filesystem::path& path,
                                    size_t most_bytes = SIZE_MAX / 4);

}  // namespace ff
