// SPDX-License-Identifier: MIT
#pragma once
// A file mapped read-only into memory.
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace ff {
class LongWork;
}

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
  /// Size, inode and times of the file when it was mapped: equal texts mean that nobody wrote to it
  /// in between (what sets the time of the last write back cannot set that of the last change).
  [[nodiscard]] std::string stamp() const;

 private:
  std::filesystem::path path_;
  const char* data_ = nullptr;
  size_t size_ = 0;
  uint64_t inode_ = 0;
  int64_t modified_ns_ = 0;
  int64_t changed_ns_ = 0;
};

/// A fast 64-bit hash of contents (several GB/s), for identities, not for security.
[[nodiscard]] uint64_t content_hash(std::string_view bytes);
/// The same of gigabytes: adds what was read to `work`, which shows it and may throw StoppedError.
[[nodiscard]] uint64_t content_hash(std::string_view bytes, LongWork& work);

/// content_hash() of bytes that come in pieces.
class ContentHash {
 public:
  void add(std::string_view bytes);
  [[nodiscard]] uint64_t value() const;

 private:
  static constexpr size_t kLanes = 4;
  static constexpr size_t kBlock = 8 * kLanes;

  /// `count` blocks, one behind the other.
  void absorb(const char* blocks, size_t count);

  std::array<uint64_t, kLanes> lanes_ = {1, 2, 3, 4};
  std::array<char, kBlock> pending_{};  ///< the first size_ % kBlock bytes count
  size_t size_ = 0;
};

}  // namespace ff::data
