// SPDX-License-Identifier: MIT
// The machine that a command is about.
#include "parts.h"

#include "flops_fit/config/compose.h"
#include "flops_fit/util/units.h"

namespace ff::roofline {
namespace {

namespace fs = std::filesystem;

/// A name of conf/hardware, or a file.
cost::Hardware find_hardware(const std::string& name, const std::vector<fs::path>& search_path) {
  std::error_code ignored;
  if (fs::is_regular_file(name, ignored)) {
    return cost::read_hardware(name);
  }
  for (const fs::path& folder : search_path) {
    const fs::path file = folder / "hardware" / (name + ".yaml");
    if (fs::is_regular_file(file, ignored)) {
      return cost::read_hardware(file);
    }
  }
  throw error<ConfigError>("hardware: \"{}\" is no file, and none of: {}.",
                           name,
                           fmt::join(config::group_options(search_path, "hardware"), ", "));
}

}  // namespace

cost::Hardware hardware_of(const RooflineConfig& config, const Call& call) {
  if (config.hardware.empty() && !(config.peak_flops && config.memory_bandwidth)) {
    throw error<ConfigError>(
        "hardware: --hardware NAME: say on which machine; there are: {}. Or give a file, or "
        "--peak-flops and --memory-bandwidth.",
        fmt::join(config::group_options(call.search_path, "hardware"), ", "));
  }
  cost::Hardware out;
  if (config.hardware.empty()) {
    out.name = fmt::format("{} FLOP/s, {} B/s",
                           format_flops(*config.peak_flops),
                           format_flops(*config.memory_bandwidth));
  } else {
    out = find_hardware(config.hardware, call.search_path);
  }
  out.memory_bandwidth = config.memory_bandwidth.value_or(out.memory_bandwidth);
  return out;
}

Peak peak_for(const RooflineConfig& config,
              const cost::Hardware& hardware,
              const Model& model,
              const cost::Workload& workload) {
  if (config.peak_flops && config.precision) {
    throw ConfigError("precision: has no meaning with --peak-flops, which says the peak.");
  }
  if (config.peak_flops) {
    return {.flops_per_s = *config.peak_flops};
  }
  const std::string precision = config.precision.value_or(
      cost::precision_of(model.spec ? model.spec->dtype : "", workload.a_bytes));
  return {.flops_per_s = cost::peak_of(hardware, precision), .precision = precision};
}

}  // namespace ff::roofline
