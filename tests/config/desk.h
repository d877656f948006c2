// SPDX-License-Identifier: MIT
#pragma once
// A folder with a conf/ of its own, and the example program run in it.
#include "support/files.h"

#include "flops_fit/util/atomic_file.h"

#include <cstdlib>
#include <string>
#include <sys/wait.h>

namespace ff::test {

struct ShellOutcome {
  int code = -1;
  std::string out;
  std::string err;
};

struct Desk {
  Desk() { write_text(folder / "conf/planner.yaml", ""); }

  /// A shell line in which $ff is the example program.
  [[nodiscard]] ShellOutcome shell(const std::string& line) const {
    const std::string command = "cd " + shell_quoted(folder.path()) +
                                " && export FLOPS_FIT_CONF=" + shell_quoted(folder / "conf") +
                                " ff=" + shell_quoted(FF_EXAMPLE_PROGRAM) + " && { " + line +
                                " ; } >out.txt 2>err.txt";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            read_file(folder / "out.txt"),
            read_file(folder / "err.txt")};
  }

  TemporaryFolder folder;
};

}  // namespace ff::test
