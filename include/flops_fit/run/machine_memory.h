// SPDX-License-Identifier: MIT
#pragma once
// How much memory a sweep may take on this machine, as the kernel's files say it.
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace ff::run {

struct AvailableMemory {
  double bytes = 0.0;  ///< for all new processes together; infinite if nothing says
  std::string source;  ///< which limit that is, for messages: "MemAvailable", ...
  /// What one process like this one can still take (ulimit -v and -d); infinite without a limit.
  double process_bytes = 0.0;
  std::string process_source;
};

/// The smallest of MemAvailable and of what each limit of the control groups above this process
/// (version 2 or 1) leaves; file cache that the kernel can drop does not count as taken. `root` is
/// where /proc and /sys are looked for, for tests.
[[nodiscard]] AvailableMemory available_memory(const std::filesystem::path& root = "/");

/// How many of these runs fit together, taken in order until one does not: `own_bytes` of each, and
/// `shared_bytes` once.
[[nodiscard]] size_t fit_together(std::span<const double> own_bytes,
                                  double shared_bytes,
                                  double available_bytes);

/// Memory of a process that no file backs [bytes]; 0 if it is gone.
[[nodiscard]] double private_bytes(int pid);

/// Lets this process take no more than so many bytes of writable private memory (RLIMIT_DATA), or
/// what an older limit leaves if that is less: then malloc fails, and not the machine. (RLIMIT_AS
/// would also count LibTorch's files and reserved addresses.) Returns the limit [bytes], 0 for
/// none.
double limit_own_memory(double bytes);

}  // namespace ff::run
