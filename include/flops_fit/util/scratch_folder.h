// SPDX-License-Identifier: MIT
#pragma once
// A folder for what is needed only while the program runs.
#include <filesystem>

namespace ff {

/// A new empty folder where TMPDIR says (else /tmp), removed with everything in it at the end of
/// the scope, and when a signal ends the program (see signals.h).
class ScratchFolder {
 public:
  /// Throws StorageError, PathError or ResourceError, naming TMPDIR.
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace ff
