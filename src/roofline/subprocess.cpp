// SPDX-License-Identifier: MIT
#include "subprocess.h"

#include "flops_fit/util/error.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace ff::roofline {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMostBytes = 1 << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {
    if (fd < 0) {
      throw error<Error>("cannot open a pipe: {}.", std::strerror(errno));
    }
  }
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) {
      ::close(fd_);
      fd_ = -1;
    }
  }

 private:
  int fd_;
};

/// A file in memory with this content, to be read from its start: unlike a pipe it needs nobody to
/// go on writing while the other side does not read.
int file_of(const std::string& content) {
  const int fd = ::memfd_create("input", MFD_CLOEXEC);
  for (size_t done = 0; fd >= 0 && done < content.size();) {
    const ssize_t count = ::write(fd, content.data() + done, content.size() - done);
    if (count < 0 && errno != EINTR) {
      ::close(fd);
      return -1;
    }
    done += count > 0 ? static_cast<size_t>(count) : 0;
  }
  if (fd >= 0) {
    ::lseek(fd, 0, SEEK_SET);
  }
  return fd;
}

/// Leads a process group; killed with it unless it has ended.
class Child {
 public:
  Child(const std::vector<std::string>& command, int input, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    std::vector<char*> arguments;
    for (const std::string& argument : command) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    const int status =
        ::posix_spawnp(&pid_, arguments.front(), &actions, &attributes, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (status != 0) {
      throw error<Error>("cannot start {}: {}.", command.front(), std::strerror(status));
    }
  }
  ~Child() {
    ::kill(-pid_, SIGKILL);  // also what it has left running
    if (!ended_) {
      static_cast<void>(wait());
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Its exit code, or 128 + the signal.
  [[nodiscard]] int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  [[nodiscard]] bool has_ended() {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
  }

 private:
  pid_t pid_ = 0;
  bool ended_ = false;
};

}  // namespace

std::string run_with_input(const std::vector<std::string>& command,
                           const std::string& input,
                           double timeout_s) {
  const Descriptor in(file_of(input));
  std::array<int, 2> ends{-1, -1};
  static_cast<void>(::pipe2(ends.data(), O_CLOEXEC));
  const Descriptor out(ends[0]);
  Descriptor write_end(ends[1]);
  Child child(command, in.get(), write_end.get());
  write_end.close();

  const auto deadline = Clock::now() + std::chrono::duration<double>(timeout_s);
  std::string answer;
  bool open = true;
  // The program has answered when its stdout is closed and it has ended; either may come first.
  while (open || !child.has_ended()) {
    const double left = std::chrono::duration<double>(deadline - Clock::now()).count();
    if (left <= 0) {
      throw error<Error>("{} has not answered within {} s.", command.front(), timeout_s);
    }
    constexpr double kTurn_s = 0.02;
    const bool ended = child.has_ended();  // asked first: what it wrote before is seen below
    pollfd ready{.fd = open ? out.get() : -1, .events = POLLIN};
    ::poll(&ready, 1, static_cast<int>(1000 * std::min(left, kTurn_s)) + 1);
    if (ready.revents != 0) {
      std::array<char, 65536> buffer{};
      const ssize_t count = ::read(out.get(), buffer.data(), buffer.size());
      if (count > 0) {
        answer.append(buffer.data(), static_cast<size_t>(count));
      } else if (count == 0 || errno != EINTR) {
        open = false;
      }
      if (answer.size() > kMostBytes) {
        throw error<Error>("{} has answered with more than 1 MiB.", command.front());
      }
    } else if (ended) {
      open = false;  // something that it started keeps its stdout open
    }
  }
  if (const int code = child.wait(); code != 0) {
    throw error<Error>("{} has failed with exit code {}.", command.front(), code);
  }
  return answer;
}

}  // namespace ff::roofline
