// SPDX-License-Identifier: MIT
#include "flops_fit/util/progress.h"

#include <fmt/format.h>

#include <cstdio>
#include <sys/ioctl.h>
#include <unistd.h>

namespace ff {
namespace {

size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10 ? size.ws_col : 80;
}

}  // namespace

Progress::Progress(bool enabled)
    : enabled_(enabled), terminal_(::isatty(STDERR_FILENO) != 0), last_(Clock::now()) {}

Progress::~Progress() {
  clear();
}

void Progress::show(const std::string& line) {
  const auto interval =
      terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(30'000);
  if (!enabled_ || Clock::now() - last_ < interval) {
    return;
  }
  last_ = Clock::now();
  if (terminal_) {
    fmt::print(stderr, "\r\x1b[K{}", line.substr(0, terminal_columns() - 1));
    std::fflush(stderr);
    shown_ = true;
  } else {
    fmt::print(stderr, "{}\n", line);
  }
}

void Progress::clear() {
  if (shown_) {
    fmt::print(stderr, "\r\x1b[K");
    std::fflush(stderr);
    shown_ = false;
  }
}

}  // namespace ff
