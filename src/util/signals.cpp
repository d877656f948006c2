// SPDX-License-Identifier: MIT
// A handler may be called between any two instructions: it touches lock-free atomics and calls only
// what signal-safety(7) lists, and system calls.
#include "flops_fit/util/signals.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ff {
namespace {

/// Entries of a table, all zero at first. A full table forgets: what it would have removed stays.
template <class T>
class Table {
 public:
  void add(T value) {
    for (std::atomic<T>& entry : entries_) {
      T none{};
      if (entry.compare_exchange_strong(none, value)) {
        return;
      }
    }
  }
  void remove(T value) {
    for (std::atomic<T>& entry : entries_) {
      T expected = value;
      if (entry.compare_exchange_strong(expected, T{})) {
        return;
      }
    }
  }
  template <class Visit>
  void take_all(Visit&& visit) {
    for (std::atomic<T>& entry : entries_) {
      if (const T value = entry.exchange(T{}); value != T{}) {
        visit(value);
      }
    }
  }

 private:
  static_assert(std::atomic<T>::is_always_lock_free, "what a signal handler may touch");
  std::array<std::atomic<T>, 64> entries_{};
};

Table<const char*> files;
Table<const char*> folders;
Table<pid_t> groups;
/// Threads that are starting a child, which is in no table yet.
std::atomic<int> starting{0};
/// Whose tables these are: a copy of this process (fork) has no right to what is in them.
std::atomic<pid_t> owner{0};
/// A signal is ending the process: what was in the tables must not be freed any more.
std::atomic<bool> ending{false};
/// The first signal of install_stop_handlers(), and when it came.
std::atomic<int> received{0};
std::atomic<int64_t> received_ms{0};
static_assert(std::atomic<int64_t>::is_always_lock_free, "what a signal handler may touch");

constexpr std::array kStopSignals = {SIGINT, SIGTERM, SIGHUP};
constexpr int64_t kSameRequestMs = 200;

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kStopSignals) {
    sigaddset(&set, signal);
  }
  return set;
}

int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void sleep_1_ms() {
  constexpr timespec kTime{.tv_sec = 0, .tv_nsec = 1'000'000};
  ::nanosleep(&kTime, nullptr);
}

/// Removes what is in the open folder, as readdir() and malloc() are not for handlers.
void empty_folder(int folder, int depth) {
  alignas(dirent64) std::array<char, 4096> buffer{};
  for (;;) {
    const auto bytes = ::syscall(SYS_getdents64, folder, buffer.data(), buffer.size());
    if (bytes <= 0) {
      return;
    }
    for (long at = 0; at < bytes;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
      at += entry->d_reclen;
      const char* name = entry->d_name;
      if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0 ||
          ::unlinkat(folder, name, 0) == 0 || depth == 0) {
        continue;
      }
      const int inner = ::openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (inner >= 0) {
        empty_folder(inner, depth - 1);
        ::close(inner);
        ::unlinkat(folder, name, AT_REMOVEDIR);
      }
    }
  }
}

/// A killed child may still have made a file in it.
void remove_folder(const char* path) {
  constexpr int kDepth = 3;
  for (int attempt = 0; attempt < 20; ++attempt) {
    const int folder = ::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) {
      return;
    }
    empty_folder(folder, kDepth);
    ::close(folder);
    if (::rmdir(path) == 0) {
      return;
    }
    sleep_1_ms();
  }
}

void clean_up() {
  if (owner != ::getpid()) {
    return;
  }
  for (int waited_ms = 0; starting > 0 && waited_ms < 1000; ++waited_ms) {
    sleep_1_ms();
  }
  groups.take_all([](pid_t group) { ::kill(-group, SIGKILL); });
  files.take_all([](const char* path) { ::unlink(path); });
  folders.take_all(remove_folder);
}

/// For one thread; others that get a signal meanwhile wait for the end.
void clean_up_once() {
  if (ending.exchange(true)) {
    for (;;) {
      ::pause();
    }
  }
  clean_up();
}

extern "C" void on_end(int signal) {
  clean_up_once();
  // The caller is to see what ended the process, as a shell's loop stops at Ctrl-C only then.
  ::signal(signal, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(signal);
  ::_exit(128 + signal);  // the first process of a container survives its own signals
}

extern "C" void on_stop(int signal) {
  const int saved = errno;
  int none = 0;
  if (received.compare_exchange_strong(none, signal)) {
    received_ms = now_ms();
  } else if (now_ms() - received_ms >= kSameRequestMs) {
    clean_up_once();
    ::_exit(128 + signal);
  }
  errno = saved;
}

/// Unlike an ignored signal, one with a handler is as usual again in the programs that we start.
extern "C" void on_failed_write(int /*signal*/) {}

bool is_ignored(int signal) {
  struct sigaction now {};
  return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

void install(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_mask = stop_signals();
  action.sa_flags = flags;
  ::sigaction(signal, &action, nullptr);
}

void finish_installing() {
  owner = ::getpid();
  for (const int signal : {SIGPIPE, SIGXFSZ}) {
    if (!is_ignored(signal)) {
      install(signal, on_failed_write, SA_RESTART);
    }
  }
}

}  // namespace

void open_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // open() takes the lowest free number, which is fd, as those below are open by now.
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0 &&
        ::open("/", O_RDONLY | O_DIRECTORY) < 0) {
      ::_exit(1);
    }
  }
}

void install_cleanup_handlers() {
  for (const int signal : kStopSignals) {
    if (!is_ignored(signal)) {
      install(signal, on_end, SA_RESTART);
    }
  }
  finish_installing();
}

void install_stop_handlers() {
  // No SA_RESTART: a poll() that waits for workers must wake up.
  for (const int signal : kStopSignals) {
    if (signal != SIGHUP || !is_ignored(SIGHUP)) {
      install(signal, on_stop, 0);
    }
  }
  finish_installing();
}

int stop_signal() {
  return received;
}

void clear_stop_signal() {
  received = 0;
}

HeldSignals::HeldSignals() {
  const sigset_t set = stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, &old_);
  ++starting;
}

HeldSignals::~HeldSignals() {
  --starting;
  ::pthread_sigmask(SIG_SETMASK, &old_, nullptr);
}

void kill_on_stop(pid_t group) {
  groups.add(group);
}

void forget_child(pid_t group) {
  groups.remove(group);
}

namespace detail {

void remove_file_on_stop(const char* path) {
  files.add(path);
}

void remove_folder_on_stop(const char* path) {
  folders.add(path);
}

void forget_path(const char* path) {
  files.remove(path);
  folders.remove(path);
  // A handler in another thread may be reading it; the process ends in a moment.
  while (ending) {
    ::pause();
  }
}

}  // namespace detail

}  // namespace ff
