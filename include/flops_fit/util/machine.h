// SPDX-License-Identifier: MIT
#pragma once
// What this machine is, as Linux says it in /proc and /sys: CPU, cores, caches, memory, load. What
// cannot be read keeps its default (0, empty, none); nothing here is measured or fails.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ff {

struct CpuCache {
  int64_t level = 0;
  std::string type;  ///< "Data", "Instruction", "Unified"
  int64_t bytes = 0;
  int64_t shared_by = 1;  ///< logical cores that share one
};

struct Machine {
  std::string cpu_model;
  std::vector<std::string> cpu_flags;  ///< as /proc/cpuinfo names them
  int64_t allowed_cores = 1;           ///< that this process may run on (sched_getaffinity)
  int64_t present_cores = 1;           ///< online in the machine
  int64_t threads_per_core = 1;        ///< logical cores of one physical core
  std::optional<double> quota_cores;   ///< CPU time that the control group grants
  std::vector<CpuCache> caches;
  int64_t memory_bytes = 0;
  int64_t memory_available_bytes = 0;  ///< without swapping
  int64_t swap_used_bytes = 0;
  std::string governor;       ///< of the clock; empty in most virtual machines
  std::optional<bool> turbo;  ///< whether the clock may rise above its base

  [[nodiscard]] bool has_flag(std::string_view flag) const;
};

[[nodiscard]] Machine read_machine();

/// The name that this machine gives itself; need not be unique.
[[nodiscard]] std::string host_name();

/// The kernel's name of this start of this machine: unique, and common to its containers.
[[nodiscard]] std::string boot_id();

/// The two facts that measurements are kept by: the CPU's name ("unknown CPU" where there is none),
/// and the cores that this process may run on.
[[nodiscard]] std::string cpu_model();
[[nodiscard]] int64_t allowed_cores();

/// Cores that were busy while this process slept for `seconds`, and of these the ones that the
/// hypervisor gave to others; none where /proc/stat cannot be read.
struct BusyCores {
  double busy = 0.0;
  double stolen = 0.0;
};
[[nodiscard]] std::optional<BusyCores> busy_cores(double seconds);

// The parsers, for the tests.
/// The value of the first line "<key> ... : value" of /proc/cpuinfo; empty if there is none.
[[nodiscard]] std::string cpuinfo_field(std::string_view text, std::string_view key);
/// The bytes of a line "<key>: 123 kB" of /proc/meminfo; 0 if there is none.
[[nodiscard]] int64_t meminfo_bytes(std::string_view text, std::string_view key);
/// "32K", "1024K", "8M" in bytes; 0 if it is none of these.
[[nodiscard]] int64_t size_bytes(std::string_view text);
/// Number of entries of a list such as "0-3,8"; 0 for an empty one.
[[nodiscard]] int64_t cpu_list_size(std::string_view text);
/// Cores of cpu.max ("150000 100000" is 1.5); none for "max 100000".
[[nodiscard]] std::optional<double> quota_cores(std::string_view text);
/// Busy and stolen time between two readings of /proc/stat, in cores.
[[nodiscard]] std::optional<BusyCores> busy_between(std::string_view before,
                                                    std::string_view after);

}  // namespace ff
