// SPDX-License-Identifier: MIT
#pragma once
// Stopping in good order: the first SIGINT or SIGTERM sets a flag that loops look at, the second
// one ends the process at once.

namespace ff {

/// Installs the handlers; call once, early in main.
void install_stop_handlers();

/// 0, or the signal that asked the program to stop.
[[nodiscard]] int stop_signal();

/// Forgets the signal, for tests.
void clear_stop_signal();

}  // namespace ff
