// SPDX-License-Identifier: MIT
#include "worker_process.h"

#include "flops_fit/engine/engine.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/foreign_program.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ff::run {
namespace {

/// Where a worker finds the lock of its run: it only has to keep it open.
constexpr int kLockDescriptor = 3;

/// This process's environment with a worker's variables, and without secrets, which it needs none
/// of.
std::vector<std::string> worker_environment() {
  std::vector<std::string> variables;
  for (const auto& [name, value] : engine::worker_variables()) {
    variables.push_back(name + "=" + value);
  }
  const size_t ours = variables.size();
  for (std::string& entry : environment_without_secrets()) {
    bool replaced = false;
    for (size_t i = 0; i < ours; ++i) {
      const size_t name = variables[i].find('=') + 1;
      replaced = replaced || entry.compare(0, name, variables[i], 0, name) == 0;
    }
    if (!replaced) {
      variables.push_back(std::move(entry));
    }
  }
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

[[noreturn]] void throw_cannot_start(int code) {
  const std::string reason = fmt::format("cannot start a worker: {}{}.",
                                         std::strerror(code),
                                         code == EMFILE   ? " (ulimit -n)"
                                         : code == EAGAIN ? " (ulimit -u)"
                                                          : "");
  if (code == EMFILE || code == ENFILE || code == EAGAIN || code == ENOMEM) {
    throw ResourceError(reason);
  }
  throw Error(reason);
}

}  // namespace

WorkerProcess::WorkerProcess(const std::filesystem::path& run_dir,
                             int lock,
                             const std::string& first_order) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw_cannot_start(errno);
  }
  // Sockets, as a line to a worker that has just ended must not raise SIGPIPE here.
  std::array<int, 2> orders{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, orders.data()) != 0) {
    const int problem = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    throw_cannot_start(problem);
  }
  pipe_ = ends[0];
  orders_ = orders[0];
  order(first_order);
  ::fcntl(pipe_, F_SETFL, O_NONBLOCK);
  std::vector<std::string> arguments = {"ff-train", "--worker", run_dir.string()};
  std::vector<std::string> environment = worker_environment();
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, orders[1], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, lock, kLockDescriptor);
  // A process group of its own: Ctrl-C reaches ff-train alone, which then stops its workers in
  // order.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int status = ::posix_spawn(&pid_,
                                   "/proc/self/exe",
                                   &actions,
                                   &attributes,
                                   pointers(arguments).data(),
                                   pointers(environment).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  ::close(orders[1]);
  if (status != 0) {
    ::close(pipe_);
    ::close(orders_);
    throw_cannot_start(status);
  }
}

WorkerProcess::~WorkerProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(pipe_);
  ::close(orders_);
}

bool WorkerProcess::read() {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t n = ::read(pipe_, buffer.data(), buffer.size());
    if (n == 0) {
      return false;
    }
    if (n < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    unread_.append(buffer.data(), static_cast<size_t>(n));
    size_t end = 0;
    while ((end = unread_.find('\n')) != std::string::npos) {
      const std::string line = unread_.substr(0, end);
      if (line.starts_with(kStopWord)) {
        stop_reason_ = line.substr(kStopWord.size());
      } else if (line.starts_with(kShortWord)) {
        shortage_ = line.substr(kShortWord.size());
      }
      train::RunProgress p;
      if (std::sscanf(
              line.c_str(), "%ld %ld %ld %lf", &p.step, &p.num_steps, &p.tokens, &p.loss_nats) ==
          4) {
        first_ = first_.num_steps == 0 ? p : first_;
        progress_ = p;
      }
      unread_.erase(0, end + 1);
    }
  }
}

void WorkerProcess::send(int signal) const {
  ::kill(pid_, signal);
}

void WorkerProcess::order(const std::string& line) const {
  const std::string text = line + "\n";
  ::send(orders_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

std::optional<std::string> WorkerProcess::wait() {
  int status = 0;
  rusage usage{};
  while (::wait4(pid_, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  peak_bytes_ = 1024.0 * static_cast<double>(usage.ru_maxrss);
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return fmt::format("the worker was killed by signal {} ({}){}",
                       signal,
                       ::strsignal(signal),
                       signal == SIGKILL  ? "; was there too little memory?"
                       : signal == SIGBUS ? "; was a file that it reads cut short?"
                                          : "");
  }
  const int code = WEXITSTATUS(status);
  if (code == 0) {
    return std::nullopt;
  }
  return fmt::format("the worker ended with exit code {} and no result", code);
}

}  // namespace ff::run
