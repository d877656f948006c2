// SPDX-License-Identifier: MIT
// The jobs of --multirun, one after the other, each a process of its own: what one job leaks or
// crashes on stays with it.
#include "cli_options.h"

#include <fmt/chrono.h>
#include <fmt/ranges.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace ff::cli {
namespace {

// The handler may only touch these.
volatile std::sig_atomic_t child_pid = 0;
volatile std::sig_atomic_t stop_signal = 0;

/// A terminal sends SIGINT to the child as well; SIGTERM comes to this process alone.
void on_signal(int signal) {
  stop_signal = signal;
  if (signal == SIGTERM && child_pid > 0) {
    ::kill(static_cast<pid_t>(child_pid), signal);
  }
}

/// While a job runs, signals stop the job, which saves; this process waits for it.
class SignalsToChild {
 public:
  SignalsToChild() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    ::sigaction(SIGINT, &action, &old_[0]);
    ::sigaction(SIGTERM, &action, &old_[1]);
  }
  ~SignalsToChild() {
    ::sigaction(SIGINT, &old_[0], nullptr);
    ::sigaction(SIGTERM, &old_[1], nullptr);
  }
  SignalsToChild(const SignalsToChild&) = delete;
  SignalsToChild& operator=(const SignalsToChild&) = delete;

 private:
  std::array<struct sigaction, 2> old_{};
};

int run_child(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int failure = ::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, argv.data(), environ);
  if (failure != 0) {
    throw error<Error>("cannot start a job: {}.", std::strerror(failure));
  }
  child_pid = pid;
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) {
      throw error<Error>("cannot wait for a job: {}.", std::strerror(errno));
    }
  }
  child_pid = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// How bad an exit code is: nothing, partial success, too little data, bad input, bad usage,
/// failure.
int severity(int code) {
  static constexpr std::array<int, 6> kOrder = {0, 4, 5, 3, 2, 1};
  for (size_t i = 0; i < kOrder.size(); ++i) {
    if (kOrder[i] == code) {
      return static_cast<int>(i);
    }
  }
  return code;  // signals
}

}  // namespace

int run_jobs(const std::vector<std::string>& flags,
             const std::vector<std::vector<std::string>>& jobs,
             bool numbered_output) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  const std::string folder = fmt::format("multirun/{:%Y-%m-%d/%H-%M-%S}", local);
  std::array<char, 4096> self{};
  const auto length = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
  const std::string executable(self.data(), length > 0 ? static_cast<size_t>(length) : 0);

  const SignalsToChild guard;
  int worst = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    fmt::print(stderr, "#{} : {}\n", i, fmt::join(jobs[i], " "));
    std::fflush(stderr);
    std::vector<std::string> arguments = {executable};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    arguments.insert(arguments.end(), jobs[i].begin(), jobs[i].end());
    if (numbered_output) {
      arguments.push_back(fmt::format("output_dir={}/{}", folder, i));
    }
    const int code = run_child(std::move(arguments));
    worst = severity(code) > severity(worst) ? code : worst;
    if (stop_signal != 0 || code >= 128) {
      return stop_signal != 0 ? 128 + stop_signal : code;
    }
  }
  return worst;
}

}  // namespace ff::cli
