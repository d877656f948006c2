// SPDX-License-Identifier: MIT
#include "flops_fit/util/machine.h"

#include "flops_fit/util/cores.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <sched.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace ff {
namespace {

namespace fs = std::filesystem;

/// The whole file, or nothing: files of /proc and /sys come and go.
std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n");
  return first == std::string_view::npos
             ? std::string_view{}
             : text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (size_t at = 0; (at = text.find_first_not_of(" \t\n", at)) != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(" \t\n", at), text.size());
    out.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

/// The whole number that `text` starts with; 0 if there is none.
int64_t leading_int(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Calls `visit(line)` for every line until it returns true.
template <class Visit>
void find_line(std::string_view text, Visit&& visit) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (visit(text.substr(at, end - at))) {
      return;
    }
    at = end + 1;
  }
}

/// The columns of the line "cpu ..." of /proc/stat, in ticks of 1/100 s.
std::vector<int64_t> cpu_ticks(std::string_view stat) {
  std::vector<int64_t> ticks;
  find_line(stat, [&](std::string_view line) {
    if (!line.starts_with("cpu ")) {
      return false;
    }
    for (const std::string& word : words(line.substr(4))) {
      ticks.push_back(leading_int(word));
    }
    return true;
  });
  return ticks;
}

std::vector<CpuCache> read_caches() {
  std::vector<CpuCache> caches;
  for (int index = 0; index < 8; ++index) {
    const fs::path folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}", index);
    std::error_code failure;
    if (!fs::exists(folder, failure)) {
      break;
    }
    caches.push_back({.level = leading_int(slurp(folder / "level")),
                      .type = std::string(trimmed(slurp(folder / "type"))),
                      .bytes = size_bytes(trimmed(slurp(folder / "size"))),
                      .shared_by = cpu_list_size(trimmed(slurp(folder / "shared_cpu_list")))});
  }
  return caches;
}

/// The limit of this process's control group, of version 2 or 1.
std::optional<double> read_quota() {
  if (const std::string max = slurp("/sys/fs/cgroup/cpu.max"); !max.empty()) {
    return quota_cores(max);
  }
  const std::string quota = slurp("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  return leading_int(quota) > 0
             ? quota_cores(quota + " " + slurp("/sys/fs/cgroup/cpu/cpu.cfs_period_us"))
             : std::nullopt;
}

std::optional<bool> read_turbo() {
  const std::string boost = slurp("/sys/devices/system/cpu/cpufreq/boost");
  const std::string no_turbo = slurp("/sys/devices/system/cpu/intel_pstate/no_turbo");
  if (!boost.empty()) {
    return leading_int(boost) == 1;
  }
  return no_turbo.empty() ? std::nullopt : std::optional(leading_int(no_turbo) == 0);
}

}  // namespace

bool Machine::has_flag(std::string_view flag) const {
  return std::find(cpu_flags.begin(), cpu_flags.end(), flag) != cpu_flags.end();
}

std::string cpuinfo_field(std::string_view text, std::string_view key) {
  std::string value;
  find_line(text, [&](std::string_view line) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || trimmed(line.substr(0, colon)) != key) {
      return false;
    }
    value = trimmed(line.substr(colon + 1));
    return true;
  });
  return value;
}

int64_t meminfo_bytes(std::string_view text, std::string_view key) {
  return 1024 * leading_int(cpuinfo_field(text, key));
}

int64_t size_bytes(std::string_view text) {
  const int64_t count = leading_int(text);
  switch (text.empty() ? ' ' : text.back()) {
    case 'K':
      return count << 10;
    case 'M':
      return count << 20;
    case 'G':
      return count << 30;
    default:
      return 0;
  }
}

int64_t cpu_list_size(std::string_view text) {
  int64_t count = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string_view part = text.substr(at, end - at);
    const size_t dash = part.find('-');
    count += dash == std::string_view::npos
                 ? 1
                 : leading_int(part.substr(dash + 1)) - leading_int(part) + 1;
    at = end + 1;
  }
  return count;
}

std::optional<double> quota_cores(std::string_view text) {
  const std::vector<std::string> parts = words(text);
  if (parts.size() != 2 || leading_int(parts[0]) <= 0 || leading_int(parts[1]) <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(leading_int(parts[0])) / static_cast<double>(leading_int(parts[1]));
}

std::optional<BusyCores> busy_between(std::string_view before, std::string_view after) {
  // user nice system idle iowait irq softirq steal; guest time is in user time already.
  constexpr size_t kIdle = 3;
  constexpr size_t kIoWait = 4;
  constexpr size_t kSteal = 7;
  const std::vector<int64_t> first = cpu_ticks(before);
  const std::vector<int64_t> second = cpu_ticks(after);
  if (first.size() <= kSteal || second.size() <= kSteal) {
    return std::nullopt;
  }
  std::array<double, kSteal + 1> spent{};
  for (size_t i = 0; i < spent.size(); ++i) {
    spent[i] = static_cast<double>(second[i] - first[i]);
  }
  const double all = std::accumulate(spent.begin(), spent.end(), 0.0);
  if (all <= 0) {
    return std::nullopt;
  }
  // Every core is always in one of these, so their sum is the number of cores.
  int64_t cores = 0;
  find_line(after, [&](std::string_view line) {
    cores += line.starts_with("cpu") && !line.starts_with("cpu ") ? 1 : 0;
    return false;
  });
  const double per_tick = static_cast<double>(cores) / all;
  return BusyCores{.busy = (all - spent[kIdle] - spent[kIoWait]) * per_tick,
                   .stolen = spent[kSteal] * per_tick};
}

std::optional<BusyCores> busy_cores(double seconds) {
  const std::string before = slurp("/proc/stat");
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  return busy_between(before, slurp("/proc/stat"));
}

std::string cpu_model() {
  const std::string cpuinfo = slurp("/proc/cpuinfo");
  for (const char* key : {"model name", "Model", "Hardware", "Processor"}) {
    if (std::string name = cpuinfo_field(cpuinfo, key); !name.empty()) {
      return name;
    }
  }
  return "unknown CPU";
}

int64_t allowed_cores() {
  return static_cast<int64_t>(usable_cores().size());
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

std::string boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  in >> id;
  return id;
}

Machine read_machine() {
  const std::string cpuinfo = slurp("/proc/cpuinfo");
  const std::string meminfo = slurp("/proc/meminfo");
  const fs::path cpu0 = "/sys/devices/system/cpu/cpu0";
  std::string flags = cpuinfo_field(cpuinfo, "flags");
  if (flags.empty()) {
    flags = cpuinfo_field(cpuinfo, "Features");  // arm64
  }
  Machine machine{
      .cpu_model = cpu_model(),
      .cpu_flags = words(flags),
      .allowed_cores = allowed_cores(),
      .quota_cores = read_quota(),
      .caches = read_caches(),
      .memory_bytes = meminfo_bytes(meminfo, "MemTotal"),
      .memory_available_bytes = meminfo_bytes(meminfo, "MemAvailable"),
      .swap_used_bytes = meminfo_bytes(meminfo, "SwapTotal") - meminfo_bytes(meminfo, "SwapFree"),
      .governor = std::string(trimmed(slurp(cpu0 / "cpufreq/scaling_governor"))),
      .turbo = read_turbo()};
  machine.present_cores = std::max(machine.allowed_cores,
                                   cpu_list_size(trimmed(slurp("/sys/devices/system/cpu/online"))));
  machine.threads_per_core =
      std::max<int64_t>(1, cpu_list_size(trimmed(slurp(cpu0 / "topology/thread_siblings_list"))));
  return machine;
}

}  // namespace ff
