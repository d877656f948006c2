// SPDX-License-Identifier: MIT
#pragma once
// One worker: this program started again on one run folder, with its progress on a pipe.
#include "flops_fit/train/run_one.h"

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>

namespace ff::run {

class WorkerProcess {
 public:
  /// Starts the worker. Throws Error.
  explicit WorkerProcess(const std::filesystem::path& run_dir);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  [[nodiscard]] int pipe() const { return pipe_; }
  /// Reads what the pipe holds; false once the worker has closed it.
  bool read();
  [[nodiscard]] const train::RunProgress& progress() const { return progress_; }
  void send(int signal) const;
  /// Waits for the end; empty if the worker wrote its result, else why it could not.
  [[nodiscard]] std::optional<std::string> wait();

 private:
  pid_t pid_ = -1;
  int pipe_ = -1;
  std::string unread_;
  train::RunProgress progress_;
};

}  // namespace ff::run
