// SPDX-License-Identifier: MIT
#include "flops_fit/util/cores.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <sched.h>
#include <string>
#include <thread>

namespace ff {
namespace {

/// A set for this many cores; cpu_set_t itself ends at 1024.
class CoreSet {
 public:
  explicit CoreSet(int capacity)
      : capacity_(capacity), bytes_(CPU_ALLOC_SIZE(capacity)), set_(CPU_ALLOC(capacity)) {
    CPU_ZERO_S(bytes_, set_);
  }
  ~CoreSet() { CPU_FREE(set_); }
  CoreSet(const CoreSet&) = delete;
  CoreSet& operator=(const CoreSet&) = delete;

  [[nodiscard]] int capacity() const { return capacity_; }
  [[nodiscard]] size_t bytes() const { return bytes_; }
  [[nodiscard]] cpu_set_t* get() const { return set_; }
  void add(int core) { CPU_SET_S(static_cast<size_t>(core), bytes_, set_); }
  [[nodiscard]] bool has(int core) const {
    return CPU_ISSET_S(static_cast<size_t>(core), bytes_, set_);
  }

 private:
  int capacity_;
  size_t bytes_;
  cpu_set_t* set_;
};

}  // namespace

std::vector<int> usable_cores() {
  std::vector<int> cores;
  // The kernel refuses a set that is smaller than its own.
  for (int capacity = 1024; capacity <= 1 << 20; capacity *= 2) {
    const CoreSet set(capacity);
    if (::sched_getaffinity(0, set.bytes(), set.get()) == 0) {
      for (int core = 0; core < capacity; ++core) {
        if (set.has(core)) {
          cores.push_back(core);
        }
      }
      break;
    }
    if (errno != EINVAL) {
      break;
    }
  }
  if (cores.empty()) {  // a sandbox that forbids the question
    for (unsigned core = 0; core < std::max(1U, std::thread::hardware_concurrency()); ++core) {
      cores.push_back(static_cast<int>(core));
    }
  }
  return cores;
}

bool bind_process(std::span<const int> cores) {
  if (cores.empty()) {
    return false;
  }
  CoreSet set(1 + *std::max_element(cores.begin(), cores.end()));
  for (const int core : cores) {
    set.add(core);
  }
  bool all = true;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", failure)) {
    const std::string name = entry.path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    // ESRCH: the thread has ended meanwhile.
    all = (::sched_setaffinity(thread, set.bytes(), set.get()) == 0 || errno == ESRCH) && all;
  }
  return all && !failure;
}

}  // namespace ff
