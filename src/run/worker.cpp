// SPDX-License-Identifier: MIT
#include "run_folder.h"

#include "flops_fit/engine/engine.h"
#include "flops_fit/run/sweep_runner.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"

#include <csignal>
#include <cstdio>
#include <new>
#include <sys/prctl.h>

namespace ff::run {
namespace {

/// The first line of an exception's text: LibTorch appends a stack trace to its messages.
std::string first_line(const char* what) {
  const std::string text = what;
  return text.substr(0, text.find('\n'));
}

}  // namespace

int run_worker(const std::filesystem::path& run_dir) {
  // If ff-train dies, its workers save and stop too.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  install_stop_handlers();
  train::RunRequest request = read_request(run_dir);
  request.on_progress = [](const train::RunProgress& p) {
    fmt::print("{} {} {} {}\n", p.step, p.num_steps, p.tokens, p.loss_nats);
    std::fflush(stdout);
  };
  io::RunResult result;
  try {
    engine::prepare_worker_process();
    result = train::find_mode(request.config.mode).run(request);
  } catch (const train::Interrupted&) {
    return 128 + stop_signal();
  } catch (const std::bad_alloc&) {
    result = failed_result(request, "out of memory");
  } catch (const std::exception& problem) {
    result = failed_result(request, first_line(problem.what()));
  }
  write_result(run_dir, result);
  return 0;
}

}  // namespace ff::run
