// SPDX-License-Identifier: MIT
#pragma once
// A program of the project that runs while the test goes on, to be killed or interrupted.
#include "support/files.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace ff::test {

class Background {
 public:
  /// Its output goes to <folder>/<name>.out and .err.
  Background(const std::string& name,
             const std::vector<std::string>& arguments,
             const std::filesystem::path& folder) {
    const std::string program = (bin_dir() / name).string();
    const std::string out = (folder / (name + ".out")).string();
    const std::string err = (folder / (name + ".err")).string();
    std::vector<char*> argv = {const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) {
      argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {  // only what is safe between fork and exec: the parent has threads
      const int write = O_WRONLY | O_CREAT | O_TRUNC;
      ::dup2(::open(out.c_str(), write, 0644), 1);
      ::dup2(::open(err.c_str(), write, 0644), 2);
      if (::chdir(folder.c_str()) == 0) {
        ::execv(program.c_str(), argv.data());
      }
      ::_exit(127);
    }
  }
  ~Background() {
    if (pid_ > 0) {
      end(SIGKILL);
    }
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// What others see of it: /proc/<pid>/cmdline, arguments apart by blanks.
  [[nodiscard]] std::string command_line() const {
    std::ifstream in("/proc/" + std::to_string(pid_) + "/cmdline", std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    for (char& c : text) {
      c = c == '\0' ? ' ' : c;
    }
    return text;
  }

  /// Sends the signal and waits; the exit code, or 128 and the signal that killed it.
  int end(int signal) {
    ::kill(pid_, signal);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace ff::test
