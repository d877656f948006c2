// SPDX-License-Identifier: MIT
#pragma once
// One line about long work: rewritten in place on a terminal, a plain line now and then elsewhere.
#include <chrono>
#include <string>

namespace ff {

class Progress {
 public:
  /// `enabled` false prints nothing (-q).
  explicit Progress(bool enabled);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Shows `line`: at most five times a second on a terminal, every 30 s elsewhere.
  void show(const std::string& line);
  /// Removes the line, so that a log message can be printed.
  void clear();
  [[nodiscard]] bool on_terminal() const { return terminal_; }

 private:
  using Clock = std::chrono::steady_clock;
  bool enabled_;
  bool terminal_;
  bool shown_ = false;
  Clock::time_point last_;
};

}  // namespace ff
