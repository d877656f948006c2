// SPDX-License-Identifier: MIT
#include "flops_fit/util/signals.h"

#include <csignal>
#include <unistd.h>

namespace ff {
namespace {

volatile std::sig_atomic_t received = 0;

extern "C" void on_stop(int signal) {
  if (received != 0) {
    ::_exit(128 + signal);
  }
  received = signal;
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
