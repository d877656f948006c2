// SPDX-License-Identifier: MIT
#include "flops_fit/util/signals.h"

#include <atomic>
#include <csignal>
#include <unistd.h>

namespace ff {
namespace {

/// Not volatile sig_atomic_t, as several threads read it.
std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free, "what a signal handler may touch");

extern "C" void on_stop(int signal) {
  int none = 0;
  if (!received.compare_exchange_strong(none, signal)) {
    ::_exit(128 + signal);
  }
}

}  // namespace

void install_stop_handlers() {
  struct sigaction action {};
  action.sa_handler = on_stop;
  sigemptyset(&action.sa_mask);
  // No SA_RESTART: a poll() that waits for workers must wake up.
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

int stop_signal() {
  return received;
}

void clear_stop_signal() {
  received = 0;
}

}  // namespace ff
