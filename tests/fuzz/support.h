// SPDX-License-Identifier: MIT
#pragma once
// What the targets share: bytes as files in memory, and what counts as a refusal.
#include "flops_fit/util/error.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace ff::fuzz {

/// The input that is being read.
inline std::string_view& current_input() {
  static std::string_view input;
  return input;
}

inline std::string_view text_of(const uint8_t* data, size_t size) {
  current_input() = {reinterpret_cast<const char*>(data), size};
  return current_input();
}

/// Takes the first line off `text`.
inline std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

/// The folder of this process's files, removed at its end; in memory where there is /dev/shm.
inline const std::filesystem::path& scratch() {
  struct Folder {
    Folder() {
      namespace fs = std::filesystem;
      std::error_code ignored;
      std::string pattern = (fs::is_directory("/dev/shm", ignored) ? fs::path("/dev/shm")
                                                                   : fs::temp_directory_path()) /
                            "ff_fuzz_XXXXXX";
      path = ::mkdtemp(pattern.data());
    }
    ~Folder() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
    std::filesystem::path path;
  };
  static const Folder folder;
  return folder.path;
}

/// A file with these bytes; it lives until the next one of that name.
inline std::filesystem::path file_of(const std::string& name, std::string_view bytes) {
  const std::filesystem::path path = scratch() / name;
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() ||
      std::fclose(file) != 0) {
    std::abort();
  }
  return path;
}

/// Runs a reader; refusing the input is right, any other exception ends the process. Is it read?
template <class Read>
bool accepts(Read&& read) {
  try {
    std::forward<Read>(read)();
    return true;
  } catch (const Error& refusal) {
    // A message is for a person: not empty, and without the library's words (unless it quotes).
    const std::string_view what = refusal.what();
    if (what.empty() || (what.find("exception") != std::string_view::npos &&
                         current_input().find("exception") == std::string_view::npos)) {
      std::fprintf(stderr, "a library's message: %s\n", refusal.what());
      std::abort();
    }
    return false;
  }
}

inline void require(bool holds, const char* invariant) {
  if (!holds) {
    std::fprintf(stderr, "broken invariant: %s\n", invariant);
    std::abort();
  }
}

}  // namespace ff::fuzz
