// SPDX-License-Identifier: MIT
#pragma once
#include <filesystem>

namespace ff::run {

/// Moves a folder to a place where there is none, making the folders above it: by a rename, or, to
/// another file system, by a whole copy that is renamed into place before the original goes. Throws
/// StorageError, PathError; the original is then where it was.
void move_folder(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace ff::run
