// SPDX-License-Identifier: MIT
#pragma once
// Folders for tests: a fresh temporary one, the source tree, and the optional shared data.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>

namespace ff::test {

/// A new empty folder, removed with everything in it at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "flops_fit_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline std::filesystem::path source_dir() {
  return FF_SOURCE_DIR;
}
/// Where the built programs are.
inline std::filesystem::path bin_dir() {
  return FF_BIN_DIR;
}

/// A path or any other text as one word of a shell's command line.
inline std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return out + "'";
}

/// The folder of published runs and real texts: $FLOPS_FIT_DATA, else ../shared/data. Tests that
/// need it are skipped, by name, where it is absent.
inline std::optional<std::filesystem::path> shared_data(const std::string& name) {
  const char* variable = std::getenv("FLOPS_FIT_DATA");
  const std::filesystem::path folder =
      variable != nullptr ? std::filesystem::path(variable) : source_dir() / "../shared/data";
  const std::filesystem::path file = folder / name;
  return std::filesystem::exists(file) ? std::optional(file) : std::nullopt;
}

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace ff::test
