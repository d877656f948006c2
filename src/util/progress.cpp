// SPDX-License-Identifier: MIT
#include "flops_fit/util/progress.h"

#include "flops_fit/util/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace ff {
namespace {

size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10 ? size.ws_col : 80;
}

/// At most `columns` bytes of it, which are no more columns, and no half of a character.
std::string first_columns(std::string line, size_t columns) {
  if (line.size() > columns) {
    while (columns > 0 && (static_cast<unsigned char>(line[columns]) & 0xC0) == 0x80) {
      --columns;
    }
    line.resize(columns);
  }
  return line;
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
    write_to_stderr("\r\x1b[K" + first_columns(printable_text(line), terminal_columns() - 1));
    shown_ = true;
  } else {
    write_to_stderr(printable_text(line) + "\n");
  }
}

void Progress::clear() {
  if (shown_) {
    write_to_stderr("\r\x1b[K");
    shown_ = false;
  }
}

}  // namespace ff
