// SPDX-License-Identifier: MIT
#include "flops_fit/plot/process.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace ff::plot {
namespace {

/// argv of a command; valid while `command` is.
std::vector<char*> arguments_of(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  return arguments;
}

class SpawnActions {
 public:
  SpawnActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

  void open_null(int fd, int flags) {
    ::posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", flags, 0);
  }

 private:
  posix_spawn_file_actions_t actions_{};
};

std::string read_all(int fd) {
  std::string out;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count > 0) {
      out.append(buffer.data(), static_cast<size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      return out;
    }
  }
}

}  // namespace

ProcessOutcome run_process(const std::vector<std::string>& command,
                           const std::filesystem::path& folder) {
  std::array<int, 2> pipe_fds{};
  if (::pipe2(pipe_fds.data(), O_CLOEXEC) != 0) {
    return {false, -1, std::strerror(errno)};
  }
  SpawnActions actions;
  actions.open_null(STDIN_FILENO, O_RDONLY);
  actions.open_null(STDOUT_FILENO, O_WRONLY);
  ::posix_spawn_file_actions_adddup2(actions.get(), pipe_fds[1], STDERR_FILENO);
  ::posix_spawn_file_actions_addchdir_np(actions.get(), folder.c_str());

  pid_t child = 0;
  std::vector<char*> arguments = arguments_of(command);
  const int status =
      ::posix_spawnp(&child, arguments.front(), actions.get(), nullptr, arguments.data(), environ);
  ::close(pipe_fds[1]);
  if (status != 0) {
    ::close(pipe_fds[0]);
    return {false, -1, std::strerror(status)};
  }
  ProcessOutcome outcome;
  outcome.started = true;
  outcome.error_output = read_all(pipe_fds[0]);
  ::close(pipe_fds[0]);
  int wait_status = 0;
  while (::waitpid(child, &wait_status, 0) < 0 && errno == EINTR) {
  }
  outcome.exit_code =
      WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
  return outcome;
}

bool start_detached(const std::vector<std::string>& command) {
  SpawnActions actions;
  actions.open_null(STDIN_FILENO, O_RDONLY);
  actions.open_null(STDOUT_FILENO, O_WRONLY);
  actions.open_null(STDERR_FILENO, O_WRONLY);
  pid_t child = 0;
  std::vector<char*> arguments = arguments_of(command);
  return ::posix_spawnp(
             &child, arguments.front(), actions.get(), nullptr, arguments.data(), environ) == 0;
}

}  // namespace ff::plot
