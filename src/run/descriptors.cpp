// SPDX-License-Identifier: MIT
#include "descriptors.h"

#include <algorithm>
#include <cstdint>
#include <sys/resource.h>

namespace ff::run {
namespace {

/// Its lock, the pipe that its progress comes on, the socket that its orders go to.
constexpr size_t kPerWorker = 3;
/// Standard streams, locks of the sweep, files that are being written, LibTorch.
constexpr size_t kOthers = 24;

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

size_t workers_for_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return SIZE_MAX;
  }
  const auto all = static_cast<size_t>(limit.rlim_cur);
  return std::max<size_t>(1, (all - std::min(all, kOthers)) / kPerWorker);
}

}  // namespace ff::run
