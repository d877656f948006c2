// SPDX-License-Identifier: MIT
#include "flops_fit/run/machine_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>

namespace ff::run {
namespace {

namespace fs = std::filesystem;

constexpr double kUnlimited = std::numeric_limits<double>::infinity();
constexpr double kKiB = 1024.0;

/// The number that a file consists of; none for "max", and where there is no such file.
std::optional<double> number_in(const fs::path& path) {
  std::ifstream in(path);
  double value = 0.0;
  return in >> value ? std::optional(value) : std::nullopt;
}

/// The number behind `key` in a file of lines "key value".
double value_of(const fs::path& path, std::string_view key) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string name;
    double value = 0.0;
    if (words >> name >> value && name == key) {
      return value;
    }
  }
  return 0.0;
}

struct GroupFiles {
  const char* limit;
  const char* usage;
  const char* cache;  ///< key in memory.stat: file cache that can be dropped
};
constexpr GroupFiles kVersion2 = {"memory.max", "memory.current", "inactive_file"};
constexpr GroupFiles kVersion1 = {
    "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};

/// What the groups from `group` up to the top leave. In a container the path that /proc names may
/// not be there; its own group then is the top one.
double left_by_groups(const fs::path& mount, fs::path group, const GroupFiles& files) {
  double left = kUnlimited;
  for (;; group = group.parent_path()) {
    const fs::path folder = mount / group.relative_path();
    const auto limit = number_in(folder / files.limit);
    const auto usage = number_in(folder / files.usage);
    constexpr double kNoLimit = 1e18;  // version 1 says "none" by a number near 2^63
    if (limit && usage && *limit < kNoLimit) {
      const double cache = std::min(*usage, value_of(folder / "memory.stat", files.cache));
      left = std::min(left, std::max(0.0, *limit - *usage + cache));
    }
    if (!group.has_relative_path()) {
      return left;
    }
  }
}

double left_by_groups(const fs::path& root) {
  std::ifstream in(root / "proc/self/cgroup");
  double left = kUnlimited;
  std::string line;
  while (std::getline(in, line)) {  // hierarchy:controllers:path
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const fs::path group = line.substr(second + 1);
    if (controllers == ",,") {
      left = std::min(left, left_by_groups(root / "sys/fs/cgroup", group, kVersion2));
    } else if (controllers.find(",memory,") != std::string::npos) {
      left = std::min(left, left_by_groups(root / "sys/fs/cgroup/memory", group, kVersion1));
    }
  }
  return left;
}

double meminfo_available(const fs::path& root) {
  const double kib = value_of(root / "proc/meminfo", "MemAvailable:");
  return kib > 0 ? kib * kKiB : kUnlimited;
}

double soft_limit(int resource) {
  rlimit limit{};
  return ::getrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0 &&
                 limit.rlim_cur != RLIM_INFINITY
             ? static_cast<double>(limit.rlim_cur)
             : kUnlimited;
}

}  // namespace

AvailableMemory available_memory(const fs::path& root) {
  AvailableMemory memory{.bytes = meminfo_available(root), .source = "MemAvailable"};
  if (const double left = left_by_groups(root); left < memory.bytes) {
    memory.bytes = left;
    memory.source = "the control group's limit";
  }
  // A worker starts out as this process does: the same program with the same libraries.
  const fs::path status = root / "proc/self/status";
  memory.process_bytes = soft_limit(RLIMIT_AS) - value_of(status, "VmSize:") * kKiB;
  memory.process_source = "ulimit -v";
  const double data = soft_limit(RLIMIT_DATA) - value_of(status, "VmData:") * kKiB;
  if (data < memory.process_bytes) {
    memory.process_bytes = data;
    memory.process_source = "ulimit -d";
  }
  memory.process_bytes = std::max(0.0, memory.process_bytes);
  return memory;
}

size_t fit_together(std::span<const double> own_bytes,
                    double shared_bytes,
                    double available_bytes) {
  double left = available_bytes - shared_bytes;
  size_t count = 0;
  while (count < own_bytes.size() && (left -= own_bytes[count]) >= 0) {
    ++count;
  }
  return count;
}

double private_bytes(int pid) {
  std::ifstream in(fmt::format("/proc/{}/statm", pid));
  double size = 0.0;
  double resident = 0.0;
  double shared = 0.0;
  return in >> size >> resident >> shared
             ? (resident - shared) * static_cast<double>(::sysconf(_SC_PAGESIZE))
             : 0.0;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
double limit_own_memory(double /*bytes*/) {
  return 0.0;  // the sanitizer's own terabytes of addresses are above any limit
}
#else
double limit_own_memory(double bytes) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0) {
    return 0.0;
  }
  const auto wanted = static_cast<rlim_t>(bytes);
  if (limit.rlim_cur == RLIM_INFINITY || wanted < limit.rlim_cur) {
    limit.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_DATA, &limit) != 0) {
      return 0.0;
    }
  }
  return static_cast<double>(limit.rlim_cur);
}
#endif

}  // namespace ff::run
