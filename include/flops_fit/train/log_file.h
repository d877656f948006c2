// SPDX-License-Identifier: MIT
#pragma once
// A file of a run folder that grows while the run is under way. It is never opened through a
// symbolic link, which may lead to a file that is not ours.
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace ff::train {

class LogFile {
 public:
  /// Opens it, or makes it. Throws PathError if a symbolic link, a folder, or another thing that is
  /// no file has its name; StorageError, ResourceError.
  explicit LogFile(std::filesystem::path path);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] int64_t size() const { return size_; }
  /// The length of the whole lines among its first `bytes`.
  [[nodiscard]] int64_t whole_lines(int64_t bytes) const;
  /// What lies behind the first `bytes` goes. Throws StorageError.
  void cut(int64_t bytes);
  /// Throws StorageError.
  void append(std::string_view bytes);

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  int64_t size_ = 0;
};

}  // namespace ff::train
