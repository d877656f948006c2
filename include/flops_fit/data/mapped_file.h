// SPDX-License-Identifier: MIT
#pragma once
// A file mapped read-only into memory.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace ff::data {

class MappedFile {
 public:
  /// Throws FileError: missing, a folder, unreadable. An empty file is an empty view.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  MappedFile& operator=(MappedFile&&) = delete;

  [[nodiscard]] std::string_view bytes() const { return {data_, size_}; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Whether somebody wrote to the file since it was mapped, and so into what we read. (A file that
  /// took its name does not count.)
  [[nodiscard]] bool changed() const;

 private:
  std::filesystem::path path_;
  const char* data_ = nullptr;
  size_t size_ = 0;
  uint64_t inode_ = 0;
  int64_t modified_ns_ = 0;
};

/// A fast 64-bit hash of contents (several GB/s), for identities, not for security.
[[nodiscard]] uint64_t content_hash(std::string_view bytes);

}  // namespace ff::data
