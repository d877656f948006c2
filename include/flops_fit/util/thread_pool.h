// SPDX-License-Identifier: MIT
#pragma once
// A few threads that wait for lists of tasks.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ff {

class ThreadPool {
 public:
  /// The calling thread is one of them; 1 makes no others. Where the system gives fewer, the pool
  /// has as many as it gives (see threads.h).
  explicit ThreadPool(int64_t num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int64_t num_threads() const { return static_cast<int64_t>(threads_.size()) + 1; }

  /// What a task is given: its number, and that of the thread it runs on (0 = the caller's).
  using Task = std::function<void(int64_t task, size_t thread)>;

  /// Runs tasks 0 .. count-1, each once, on whichever thread is free, and waits for them all.
  /// Throws what the first task to fail threw.
  void run(int64_t count, const Task& task);

 private:
  void serve(size_t thread);
  void work(size_t thread);

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const Task* task_ = nullptr;
  int64_t count_ = 0;
  std::atomic<int64_t> next_ = 0;
  size_t busy_ = 0;    ///< threads at work on this list
  uint64_t list_ = 0;  ///< number of the list under way
  bool stopping_ = false;
  std::exception_ptr failure_;
};

}  // namespace ff
