// SPDX-License-Identifier: MIT
#include "flops_fit/engine/machine_speed.h"

#include "fused/blocks.h"
#include "fused/kernels.h"

#include "flops_fit/engine/cpu.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/threads.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>

namespace ff::engine {
namespace {

using Clock = std::chrono::steady_clock;

/// Elements of one inner loop: a constant, so that the compiler uses vectors for it.
constexpr int64_t kChunk = 1024;

void triad(int64_t chunks, const double* b, const double* c, double* a) {
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    for (int64_t i = 0; i < kChunk; ++i) {
      a[chunk * kChunk + i] = b[chunk * kChunk + i] + 3.0 * c[chunk * kChunk + i];
    }
  }
}

class Pipe {
 public:
  Pipe() {
    if (::pipe(ends_.data()) != 0) {
      throw error<ResourceError>("cannot make a pipe: {}.", std::strerror(errno));
    }
  }
  ~Pipe() {
    close_read();
    close_write();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_read() { close(0); }
  void close_write() { close(1); }
  [[nodiscard]] bool read(void* data, size_t bytes) const {
    ssize_t count = 0;
    do {
      count = ::read(ends_[0], data, bytes);
    } while (count < 0 && errno == EINTR);
    return count == static_cast<ssize_t>(bytes);
  }
  [[nodiscard]] bool write(const void* data, size_t bytes) const {
    return ::write(ends_[1], data, bytes) == static_cast<ssize_t>(bytes);
  }

 private:
  void close(size_t end) {
    if (ends_[end] >= 0) {
      ::close(ends_[end]);
      ends_[end] = -1;
    }
  }
  std::array<int, 2> ends_{};
};

}  // namespace

std::vector<double> in_processes(int64_t count, const std::function<double()>& measure) {
  Pipe start;
  Pipe answers;
  std::vector<pid_t> children;
  for (int64_t i = 0; i < count; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      // A signal ends it, and nothing of the parent's with it.
      for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        ::signal(signal, SIG_DFL);
      }
      // All begin when the parent closes its end.
      start.close_write();
      char none = 0;
      static_cast<void>(start.read(&none, 1));
      try {
        const double value = measure();
        ::_exit(answers.write(&value, sizeof(value)) ? 0 : 1);
      } catch (...) {
        ::_exit(1);
      }
    }
    if (child < 0) {
      const int problem = errno;
      if (children.empty()) {
        throw error<ResourceError>("measuring: cannot start a process: {}; raise ulimit -u.",
                                   std::strerror(problem));
      }
      spdlog::warn("measuring in {} processes in place of {}: {} (see ulimit -u).",
                   children.size(),
                   count,
                   std::strerror(problem));
      break;
    }
    children.push_back(child);
  }
  start.close_write();
  answers.close_write();
  std::vector<double> values;
  double value = 0.0;
  while (answers.read(&value, sizeof(value))) {
    values.push_back(value);
  }
  for (const pid_t child : children) {
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (values.size() != children.size()) {
    throw error<Error>("measuring: {} of {} processes answered; is there too little memory?",
                       values.size(),
                       children.size());
  }
  return values;
}

std::vector<double> peaks_at_once(int64_t cores) {
  return in_processes(cores, peak_flops_per_s);
}

double matmul_flops_per_s() {
  constexpr int64_t kSize = 384;
  constexpr auto kNumbers = static_cast<size_t>(kSize * kSize + 2 * fused::kMaxLanes);
  constexpr auto kMeasured = std::chrono::milliseconds(50);
  const std::vector<float> a(kNumbers, 0.5F);
  const std::vector<float> weight(kNumbers, 0.25F);
  std::vector<float> c(kNumbers);
  std::vector<std::byte> panels(
      static_cast<size_t>(fused::panels_bytes(fused::Precision::kFloat32, kSize, kSize)) +
      2 * fused::kMaxLanes * sizeof(float));
  fused::pack_weight(fused::Precision::kFloat32,
                     fused::Pass::kForward,
                     kSize,
                     kSize,
                     weight.data(),
                     panels.data());
  double best_s = 1e9;
  for (const auto end = Clock::now() + kMeasured; Clock::now() < end;) {
    const auto begin = Clock::now();
    fused::packed_product(fused::Precision::kFloat32,
                          fused::Pass::kForward,
                          kSize,
                          kSize,
                          kSize,
                          a.data(),
                          panels.data(),
                          1.0F,
                          false,
                          c.data());
    best_s = std::min(best_s, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return 2.0 * kSize * kSize * kSize / best_s;
}

double triad_bytes_per_s(int64_t threads, int64_t array_bytes) {
  constexpr int kPasses = 6;
  const int64_t chunks = std::max<int64_t>(1, array_bytes / 8 / kChunk / threads);
  const auto elements = static_cast<size_t>(chunks * kChunk);
  std::optional<std::barrier<>> together;
  std::array<double, kPasses> pass_s{};
  std::vector<std::exception_ptr> problems(static_cast<size_t>(threads));
  int64_t at_work = 0;
  const auto ready = [&](int64_t n) {
    at_work = n;
    together.emplace(n);
  };
  run_at_once(threads, ready, [&](int64_t t) {
    std::vector<double> a, b, c;
    try {
      a.assign(elements, 0.0);
      b.assign(elements, 1.0);
      c.assign(elements, 2.0);
    } catch (...) {
      problems[static_cast<size_t>(t)] = std::current_exception();
      together->arrive_and_drop();
      return;
    }
    for (double& seconds : pass_s) {
      together->arrive_and_wait();
      const auto begin = Clock::now();
      triad(chunks, b.data(), c.data(), a.data());
      together->arrive_and_wait();
      if (t == 0) {
        seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      }
    }
  });
  for (const std::exception_ptr& problem : problems) {
    if (problem) {
      std::rethrow_exception(problem);
    }
  }
  const double best_s = *std::min_element(pass_s.begin(), pass_s.end());
  return 24.0 * static_cast<double>(elements) * static_cast<double>(at_work) / best_s;
}

}  // namespace ff::engine
