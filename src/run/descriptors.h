// SPDX-License-Identifier: MIT
#pragma once
// The limit on open files (ulimit -n): each worker takes some of them here.
#include <cstddef>

namespace ff::run {

/// Raises this process's soft limit to its hard one: the usual 1024 hold 340 workers.
void raise_descriptor_limit();

/// How many workers there is room for; at least one.
[[nodiscard]] size_t workers_for_descriptors();

}  // namespace ff::run
