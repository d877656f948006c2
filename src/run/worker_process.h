// SPDX-License-Identifier: MIT
#pragma once
// One worker: this program started again on one run folder. Its progress comes on a pipe, its
// orders (which cores to use) go to its standard input.
#include "flops_fit/train/run_one.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace ff::run {

/// A worker's line on its standard output that begins with this says why the sweep must stop.
inline constexpr std::string_view kStopWord = "stop ";
/// One that begins with this says what the system had too little of: with fewer workers at once,
/// or later, it may have started.
inline constexpr std::string_view kShortWord = "short ";

class WorkerProcess {
 public:
  /// Starts the worker with its first order; it holds `lock` (a descriptor) open as long as it
  /// lives. Throws ResourceError where the system has no descriptors, processes or memory left, and
  /// Error.
  WorkerProcess(const std::filesystem::path& run_dir, int lock, const std::string& order);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  [[nodiscard]] int pipe() const { return pipe_; }
  /// Reads what the pipe holds; false once the worker has closed it.
  bool read();
  [[nodiscard]] const train::RunProgress& progress() const { return progress_; }
  /// Where it started; after a checkpoint that is not at step 0.
  [[nodiscard]] const train::RunProgress& first_progress() const { return first_; }
  /// Why no other worker would fare better, if this one said so.
  [[nodiscard]] const std::optional<std::string>& stop_reason() const { return stop_reason_; }
  /// What it had too little of to start, if it said so.
  [[nodiscard]] const std::optional<std::string>& shortage() const { return shortage_; }
  void send(int signal) const;
  /// Hands it a line that run_worker() understands. A worker that has ended gets none.
  void order(const std::string& line) const;
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Waits for the end; empty if the worker wrote its result, else why it could not.
  [[nodiscard]] std::optional<std::string> wait();
  /// Its largest resident set [bytes]; known after wait().
  [[nodiscard]] double peak_bytes() const { return peak_bytes_; }

 private:
  pid_t pid_ = -1;
  int pipe_ = -1;
  int orders_ = -1;
  double peak_bytes_ = 0.0;
  std::string unread_;
  std::optional<std::string> stop_reason_;
  std::optional<std::string> shortage_;
  train::RunProgress first_, progress_;
};

}  // namespace ff::run
