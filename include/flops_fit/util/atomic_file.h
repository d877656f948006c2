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

/// Writes `content` to `path`, creating its folder. Throws StorageError (what failed, and errno's
/// text); the old file is then untouched.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// The whole file, or what a pipe gives until its end, as bytes. Throws FileError: missing, a folder
/// or device, unreadable, more than `most_bytes`. A pipe that nobody writes to is empty.
[[nodiscard]] std::string read_file(const std::filesystem::path& path,
                                    size_t most_bytes = SIZE_MAX / 4);

/// Runs `write(temporary_path)` and renames what it wrote to `path`, for writers that stream.
template <class Write>
void write_atomically(const std::filesystem::path& path, Write&& write);

namespace detail {
[[nodiscard]] std::filesystem::path temporary_beside(const std::filesystem::path& path);
void commit_file(const std::filesystem::path& temporary, const std::filesystem::path& path);
void discard_file(const std::filesystem::path& temporary) noexcept;
}  // namespace detail

template <class Write>
void write_atomically(const std::filesystem::path& path, Write&& write) {
  const std::filesystem::path temporary = detail::temporary_beside(path);
  try {
    write(temporary);
    detail::commit_file(temporary, path);
  } catch (...) {
    detail::discard_file(temporary);
    throw;
  }
}

}  // namespace ff
