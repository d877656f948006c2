// SPDX-License-Identifier: MIT
// Preloaded into a program: a system that is slow, short of processes, or does not share its locks.
//   FF_FSYNC_MS=20          each fsync takes so long
//   FF_SPAWNS=1             so many programs can be started, then none (EAGAIN)
//   FF_PRIVATE_LOCKS=1      every flock succeeds, as on a share that keeps them to each machine
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <dlfcn.h>
#include <spawn.h>
#include <sys/file.h>
#include <unistd.h>

namespace {

long number(const char* variable, long otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atol(text);
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int fsync(int fd) {
  ::usleep(static_cast<useconds_t>(1000 * number("FF_FSYNC_MS", 0)));
  return next<int (*)(int)>("fsync")(fd);
}

int posix_spawn(pid_t* pid,
                const char* path,
                const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes,
                char* const argv[],
                char* const environment[]) {
  static std::atomic<long> left{number("FF_SPAWNS", 1L << 30)};
  if (left-- <= 0) {
    return EAGAIN;
  }
  using Spawn = int (*)(pid_t*,
                        const char*,
                        const posix_spawn_file_actions_t*,
                        const posix_spawnattr_t*,
                        char* const[],
                        char* const[]);
  return next<Spawn>("posix_spawn")(pid, path, actions, attributes, argv, environment);
}

int flock(int fd, int operation) noexcept {
  return number("FF_PRIVATE_LOCKS", 0) != 0 ? 0 : next<int (*)(int, int)>("flock")(fd, operation);
}

}  // extern "C"
