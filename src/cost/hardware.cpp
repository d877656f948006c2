// SPDX-License-Identifier: MIT
#include "flops_fit/cost/hardware.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/config/load.h"

#include <algorithm>

namespace ff::cost {
namespace {

/// Every peak that there is, by name: visit() has the list.
std::vector<std::pair<std::string, double>> peaks_of(Hardware hardware) {
  std::vector<std::pair<std::string, double>> out;
  const auto collect =
      [&](const char* name, const std::optional<double>& value, const config::FieldInfo&) {
        if (value) {
          out.emplace_back(name, *value);
        }
      };
  hardware.peak_flops.visit(collect);
  return out;
}

}  // namespace

Hardware read_hardware(const std::filesystem::path& path) {
  const config::Node tree = config::read_yaml(path);
  Hardware out = config::load<Hardware>(tree);
  const auto require = [&](bool there, const char* key) {
    if (!there) {
      throw error<ConfigError>("{}: {}: is missing.", path.string(), key);
    }
  };
  require(!out.name.empty(), "name");
  require(!peaks_of(out).empty(), "peak_flops");
  require(out.memory_bandwidth > 0, "memory_bandwidth");
  require(out.memory_capacity > 0, "memory_capacity");
  return out;
}

std::string hardware_yaml(const Hardware& hardware, const std::string& comment) {
  config::Node tree = config::dump_node(hardware);
  config::Node& peaks = *tree.find("peak_flops");
  const std::vector<std::string> names = peaks.keys;
  for (const std::string& name : names) {
    if (peaks.find(name)->is_null()) {
      peaks.erase(name);
    }
  }
  return fmt::format("# {}\n{}", comment, config::to_yaml(tree, {.escape_interpolations = true}));
}

double peak_of(const Hardware& hardware, const std::string& precision) {
  std::string names;
  for (const auto& [name, peak] : peaks_of(hardware)) {
    if (name == precision) {
      return peak;
    }
    names += (names.empty() ? "" : ", ") + name;
  }
  throw error<ConfigError>("{} has no peak for {}; it has {}. Choose one with --precision.",
                           hardware.name,
                           precision,
                           names);
}

std::string precision_of(const std::string& dtype, const Num& activation_bytes) {
  const int64_t bits = (activation_bytes * 8).rounded();
  if (bits == 16 && dtype != "float16" && dtype != "half") {
    return "bf16";
  }
  return fmt::format("fp{}", bits);
}

Roofline roofline_of(const Hardware& hardware, double peak_flops) {
  return {.flops_per_s = peak_flops * hardware.efficiency.compute,
          .bytes_per_s = hardware.memory_bandwidth * hardware.efficiency.memory,
          .op_overhead_s = hardware.op_overhead_s};
}

OpTime time_of(const OpCost& op, const Roofline& roofline) {
  const double compute_s = op.each.flops().to_double() / roofline.flops_per_s;
  const double memory_s = op.each.bytes().to_double() / roofline.bytes_per_s;
  return {
      .seconds = op.repeat.to_double() * (std::max(compute_s, memory_s) + roofline.op_overhead_s),
      .compute_bound = compute_s > memory_s};
}

double seconds_of(std::span<const OpCost> ops, const Roofline& roofline) {
  double sum = 0.0;
  for (const OpCost& op : ops) {
    sum += time_of(op, roofline).seconds;
  }
  return sum;
}

}  // namespace ff::cost
