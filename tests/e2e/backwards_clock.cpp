// SPDX-License-Identifier: MIT
// Preloaded into a program: a wall clock that jumps back an hour each time it is read. The other
// clocks stay as they are.
#include <atomic>
#include <ctime>
#include <dlfcn.h>
#include <sys/time.h>

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  using ClockGettime = int (*)(clockid_t, timespec*);
  static const auto real = reinterpret_cast<ClockGettime>(::dlsym(RTLD_NEXT, "clock_gettime"));
  static std::atomic<long> jumps{0};
  const int status = real(clock, now);
  if (clock == CLOCK_REALTIME) {
    now->tv_sec -= 3600 * ++jumps;
  }
  return status;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) {
    *out = now.tv_sec;
  }
  return now.tv_sec;
}

int gettimeofday(timeval* __restrict out, void* __restrict) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

}  // extern "C"
