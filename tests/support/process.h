// SPDX-License-Identifier: MIT
#pragma once
// Runs a program and collects what it printed, for end-to-end tests.
#include "support/files.h"

#include <cstdio>
#include <string>
#include <sys/wait.h>

namespace ff::test {

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// Runs a shell command line in `folder`. The project's programs are on the PATH, and keep what
/// they measure in the build folder, not in the user's.
inline Outcome run(const std::string& command, const std::filesystem::path& folder) {
  const TemporaryFolder capture;
  const auto slurp = [](const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  };
  const std::string line =
      "cd " + shell_quoted(folder) +
      " && export XDG_CACHE_HOME=" + shell_quoted(bin_dir().parent_path() / "test_cache") +
      " && PATH=" + shell_quoted(bin_dir()) + ":\"$PATH\" && { " + command + " ; } >" +
      shell_quoted(capture / "out") + " 2>" + shell_quoted(capture / "err") + " </dev/null";
  const int status = std::system(line.c_str());
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .out = slurp(capture / "out"),
          .err = slurp(capture / "err")};
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace ff::test
