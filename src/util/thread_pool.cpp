// SPDX-License-Identifier: MIT
#include "flops_fit/util/thread_pool.h"

#include "flops_fit/util/threads.h"

namespace ff {

ThreadPool::ThreadPool(int64_t num_threads) {
  threads_ =
      start_threads(num_threads - 1, [this](int64_t i) { serve(static_cast<size_t>(i) + 1); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  start_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void ThreadPool::run(int64_t count, const Task& task) {
  if (threads_.empty() || count <= 1) {
    for (int64_t i = 0; i < count; ++i) {
      task(i, 0);
    }
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    task_ = &task;
    count_ = count;
    next_ = 0;
    busy_ = threads_.size();
    failure_ = nullptr;
    ++list_;
  }
  start_.notify_all();
  work(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return busy_ == 0; });
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

void ThreadPool::work(size_t thread) {
  try {
    for (int64_t i = next_++; i < count_; i = next_++) {
      (*task_)(i, thread);
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!failure_) {
      failure_ = std::current_exception();
    }
  }
}

void ThreadPool::serve(size_t thread) {
  uint64_t served = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stopping_ || list_ != served; });
      if (stopping_) {
        return;
      }
      served = list_;
    }
    work(thread);
    {
      const std::lock_guard lock(mutex_);
      --busy_;
    }
    done_.notify_one();
  }
}

}  // namespace ff
