// SPDX-License-Identifier: MIT
#include "run_folder.h"
#include "worker_process.h"

#include "flops_fit/engine/engine.h"
#include "flops_fit/run/cores.h"
#include "flops_fit/run/machine_memory.h"
#include "flops_fit/run/sweep_runner.h"
#include "flops_fit/util/cores.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/units.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <new>
#include <sstream>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ff::run {
namespace {

/// The first line of an exception's text: LibTorch appends a stack trace to its messages.
std::string first_line(const char* what) {
  const std::string text = what;
  return text.substr(0, text.find('\n'));
}

/// Tells ff-train what concerns more than this experiment; `word` says what.
int tell(std::string_view word, const char* what) {
  static_cast<void>(std::fputs(fmt::format("{}{}\n", word, first_line(what)).c_str(), stdout));
  std::fflush(stdout);
  return static_cast<int>(ExitCode::kRuntimeFailure);
}

/// What ff-train says on standard input, a line each: "cores 0 1" (a thread on each of these cores,
/// and on no other) or "threads 2" (wherever the kernel puts them). The newest line counts.
class Orders {
 public:
  /// To be asked between two steps, so that the threads of a step are made on the new cores.
  int64_t num_threads() {
    std::array<char, 4096> buffer{};
    ssize_t n = 0;
    while ((n = ::recv(STDIN_FILENO, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
      unread_.append(buffer.data(), static_cast<size_t>(n));
    }
    if (n == 0 && stop_signal() == 0) {
      ::raise(SIGTERM);  // ff-train died before this process asked to be told
    }
    const auto end = unread_.rfind('\n');
    if (end != std::string::npos) {
      const auto begin = end == 0 ? std::string::npos : unread_.rfind('\n', end - 1);
      obey(unread_.substr(begin + 1, end - begin - 1));
      unread_.erase(0, end + 1);
    }
    return threads_;
  }

 private:
  void obey(const std::string& line) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    if (what == "threads") {
      words >> threads_;
    } else if (what == "cores") {
      std::vector<int> cores;
      for (int core = 0; words >> core;) {
        cores.push_back(core);
      }
      // Unbound threads (a core was taken from this container) are slower, and as right.
      static_cast<void>(bind_process(cores));
      threads_ = static_cast<int64_t>(cores.size());
    }
    threads_ = std::max<int64_t>(1, threads_);
  }

  std::string unread_;
  int64_t threads_ = 1;
};

/// Keeps a run that takes far more than it should from taking the machine's memory.
class MemoryGuard {
 public:
  /// To be called before the run takes memory. Throws bad_alloc if an older limit leaves nothing.
  void limit(const train::RunRequest& request) {
    const train::Mode& mode = train::find_mode(request.config.mode);
    if (mode.needs == nullptr || engine::resolve_device(request.config.hardware.device) != "cpu") {
      return;
    }
    // OpenBLAS takes its buffers with the first product that needs them. If they are refused it
    // tries again for ever, so they must be there before there is a limit.
    constexpr double kBlasBytes = 192 * kMiB;
    if (available_memory().process_bytes < kBlasBytes) {
      throw std::bad_alloc();
    }
    const at::Tensor square = at::ones({256, 256});
    static_cast<void>(at::mm(square, square));

    const auto cores = static_cast<int64_t>(usable_cores().size());
    predicted_ = mode.needs(request).memory.private_bytes(cores);
    // The kernel counts what is set aside, too: heap, those buffers, a stack for each thread.
    const double set_aside = (512.0 + 32.0 * static_cast<double>(cores)) * kMiB;
    limit_ = limit_own_memory(2 * predicted_ + set_aside);
  }

  [[nodiscard]] std::string out_of_memory() const {
    return fmt::format(
        "out of memory: {}; use a smaller trainer.batch_size, or more trainer.accumulation_steps "
        "with engine=eager.",
        limit_ > 0 ? fmt::format("predicted to take {}, and the allowed {} were not enough",
                                 format_bytes(predicted_),
                                 format_bytes(limit_))
                   : "the machine or a ulimit leaves too little");
  }

 private:
  static constexpr double kMiB = 1024.0 * 1024.0;
  double predicted_ = 0.0;
  double limit_ = 0.0;
};

}  // namespace

int run_worker(const std::filesystem::path& run_dir) {
  // If ff-train dies, its workers save and stop too, though nobody reads what they report.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  std::signal(SIGPIPE, SIG_IGN);
  install_stop_handlers();
  train::RunRequest request = read_request(run_dir);
  Orders orders;
  request.num_threads = [&] { return orders.num_threads(); };
  static_cast<void>(orders.num_threads());  // on its cores from the start
  request.on_progress = [](const train::RunProgress& p) {
    const std::string line =
        fmt::format("{} {} {} {}\n", p.step, p.num_steps, p.tokens, p.loss_nats);
    // Where nobody reads it any more, the run saves all the same.
    static_cast<void>(std::fputs(line.c_str(), stdout));
    std::fflush(stdout);
  };
  MemoryGuard guard;
  io::RunResult result;
  try {
    engine::prepare_worker_process();
    guard.limit(request);
    result = train::find_mode(request.config.mode).run(request);
  } catch (const train::Interrupted&) {
    return 128 + stop_signal();
  } catch (const StorageError& problem) {
    return tell(kStopWord, problem.what());
  } catch (const ResourceError& problem) {
    return tell(kShortWord, problem.what());
  } catch (const train::SweepError& problem) {
    return tell(kStopWord, problem.what());
  } catch (const std::bad_alloc&) {
    result = failed_result(request, guard.out_of_memory());
  } catch (const std::exception& problem) {
    const std::string reason = first_line(problem.what());
    // LibTorch says it in words of its own.
    const bool memory = reason.find("DefaultCPUAllocator") != std::string::npos;
    result = failed_result(request, memory ? guard.out_of_memory() : reason);
  }
  try {
    write_result(run_dir, result);
  } catch (const StorageError& problem) {
    return tell(kStopWord, problem.what());
  }
  return 0;
}

}  // namespace ff::run
