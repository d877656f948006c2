// SPDX-License-Identifier: MIT
#pragma once
#include <filesystem>
#include <system_error>

namespace ff {

/// Whether there is nothing at `path`. What cannot be looked at (no permission, a name too long) is
/// not nothing: whoever reads it next says why it cannot be read. Throws nothing, unlike
/// std::filesystem::exists().
[[nodiscard]] inline bool is_missing(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::status(path, ignored).type() == std::filesystem::file_type::not_found;
}

}  // namespace ff
