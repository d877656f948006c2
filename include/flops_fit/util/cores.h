// SPDX-License-Identifier: MIT
#pragma once
// The cores that this process has, and binding it to some of them. Linux only.
#include <span>
#include <vector>

namespace ff {

/// Ids of the cores that this process may run on (sched_getaffinity: what taskset, cpusets and
/// containers leave of the machine), in rising order; at least one.
[[nodiscard]] std::vector<int> usable_cores();

/// Binds every thread of this process, and so the threads that they make later, to these cores.
/// False if the system refuses (a core went away): then nothing or a part is bound.
bool bind_process(std::span<const int> cores);

}  // namespace ff
