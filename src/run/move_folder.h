// SPDX-License-Identifier: MIT
#pragma once
#include <filesystem>

namespace ff::run {

/// `wanted`, or with a number behind it: a name that nothing has. Throws PathError if that cannot
/// be told.
[[nodiscard]] std::filesystem::path free_name(const std::filesystem::path& wanted);

/// Moves a folder to a place where there is none, making the folders above it: by a rename, or, to
/// another file system, by a whole copy that is renamed into place before the original goes. Throws
/// StorageError, PathError; the original is then where it was.
void move_folder(const std::filesystem::path& from, const std::filesystem::path& to);

/// Whether the folder's name is one of those that move_folder() uses while it works: what a kill
/// left of a copy, or of an original of which there is a whole copy.
[[nodiscard]] bool is_remnant(const std::filesystem::path& folder);

}  // namespace ff::run
