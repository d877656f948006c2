// SPDX-License-Identifier: MIT
#include "flops_fit/util/threads.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <latch>
#include <mutex>
#include <new>
#include <system_error>

namespace ff {
namespace {

void warn_of_few(size_t started, int64_t wanted, const char* why) {
  static std::once_flag said;
  std::call_once(said, [&] {
    spdlog::warn(
        "no more than {} of {} threads can be had: {} (see ulimit -u); what is done is the same, "
        "but "
        "slower.",
        started + 1,  // with the caller's
        wanted + 1,
        why);
  });
}

}  // namespace

std::vector<std::thread> start_threads(int64_t count, const std::function<void(int64_t)>& work) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(std::max<int64_t>(0, count)));
  try {
    for (int64_t i = 0; i < count; ++i) {
      threads.emplace_back([work, i] { work(i); });
    }
  } catch (const std::system_error& refused) {
    warn_of_few(threads.size(), count, refused.code().message().c_str());
  } catch (const std::bad_alloc&) {
    warn_of_few(threads.size(), count, "out of memory");
  }
  return threads;
}

void run_at_once(int64_t count,
                 const std::function<void(int64_t)>& ready,
                 const std::function<void(int64_t)>& work) {
  std::latch begin(1);
  std::exception_ptr failure;
  std::vector<std::thread> threads = start_threads(count - 1, [&](int64_t i) {
    begin.wait();
    if (!failure) {
      work(i + 1);
    }
  });
  try {
    ready(static_cast<int64_t>(threads.size()) + 1);
  } catch (...) {
    failure = std::current_exception();
  }
  begin.count_down();
  if (!failure) {
    work(0);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

int64_t startable_threads(int64_t wanted) {
  int64_t found = 1;
  run_at_once(
      wanted, [&](int64_t n) { found = n; }, [](int64_t) {});
  return found;
}

}  // namespace ff
