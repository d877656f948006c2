// SPDX-License-Identifier: MIT
#pragma once
#include "support/files.h"

#include "flops_fit/util/atomic_file.h"

#include <fcntl.h>
#include <functional>
#include <string>
#include <unistd.h>

namespace ff::test {

/// What `call` and the programs that it starts write to stderr.
inline std::string stderr_of(const std::function<void()>& call) {
  const TemporaryFolder folder;
  const int old = ::dup(STDERR_FILENO);
  const int file = ::open((folder / "err").c_str(), O_RDWR | O_CREAT, 0600);
  ::dup2(file, STDERR_FILENO);
  call();
  ::dup2(old, STDERR_FILENO);
  ::close(old);
  ::close(file);
  return read_file(folder / "err");
}

}  // namespace ff::test
