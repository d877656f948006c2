// SPDX-License-Identifier: MIT
#pragma once
// A process that the system gives no more threads and processes: `ulimit -u`, for real. The limit
// counts all processes of a user and does not bind root, so the child becomes a user that has none.
#include <csignal>
#include <functional>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ff::test {

/// What came of it, by exit status: 0 to 99 is what `work` returned.
inline constexpr int kNotPossible = 100;  ///< this system does not let us try
inline constexpr int kHung = 101;         ///< still at work after the time allowed
inline constexpr int kThrew = 102;

/// Becomes a user with room for `more` threads and processes besides this one; false if it cannot.
inline bool allow_processes(rlim_t more) {
  const uid_t nobody = 1'000'000 + static_cast<uid_t>(::getpid() % 1'000'000);
  if (::geteuid() == 0 && ::setuid(nobody) != 0) {
    return false;
  }
  if (::geteuid() != nobody) {
    more = 0;  // our other processes count, too: no more at all is the one limit that is sure
  }
  const rlimit limit{1 + more, 1 + more};
  return ::setrlimit(RLIMIT_NPROC, &limit) == 0;
}

/// Runs `work` in such a process.
inline int with_few_processes(rlim_t more,
                              const std::function<int()>& work,
                              int most_seconds = 20) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!allow_processes(more)) {
      ::_exit(kNotPossible);
    }
    try {
      ::_exit(work());
    } catch (...) {
      ::_exit(kThrew);
    }
  }
  for (int tenths = 0; tenths < 10 * most_seconds; ++tenths) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) {
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    ::usleep(100'000);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return kHung;
}

}  // namespace ff::test
