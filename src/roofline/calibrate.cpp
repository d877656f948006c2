// SPDX-License-Identifier: MIT
// calibrate: this machine as a file for --hardware, measured.
#include "parts.h"

#include "flops_fit/engine/machine_speed.h"
#include "flops_fit/roofline/table.h"
#include "flops_fit/util/machine.h"
#include "flops_fit/util/units.h"

#include <algorithm>
#include <numeric>

namespace ff::roofline {

Report calibrate(const RooflineConfig& config, const Call& call) {
  if (!call.operands.empty()) {
    throw error<ConfigError>("calibrate: takes no file, found {}.", call.operands.front());
  }
  const Machine machine = read_machine();
  const int64_t cores = config.threads.value_or(machine.allowed_cores);
  const auto sum = [](const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
  };
  const double peak = sum(engine::peaks_at_once(cores));
  const double products = sum(engine::in_processes(cores, engine::matmul_flops_per_s));
  // Arrays far beyond any cache, but not of a small machine's whole memory.
  constexpr int64_t kArrayBytes = int64_t{256} << 20;
  const int64_t array_bytes = std::min(kArrayBytes, machine.memory_available_bytes / 8);
  const double bandwidth = engine::triad_bytes_per_s(cores, array_bytes);

  cost::Hardware out;
  out.name = fmt::format("{}, {} cores", cpu_model(), cores);
  const auto rounded = [](double value) { return std::stod(fmt::format("{:.3g}", value)); };
  out.peak_flops.fp32 = rounded(peak);
  out.memory_bandwidth = rounded(bandwidth);
  out.memory_capacity = static_cast<double>(machine.memory_bytes);
  out.efficiency.compute = std::min(1.0, rounded(products / peak));
  const std::string when = utc_timestamp();
  out.source = {
      .peak_flops = fmt::format(
          "measured {}: multiply-adds on registers, {} cores at once; efficiency.compute: float32 "
          "matrix products of the fused engine",
          when,
          cores),
      .memory_bandwidth = fmt::format("measured {}: STREAM triad, {} threads, three arrays of {}",
                                      when,
                                      cores,
                                      format_bytes(static_cast<double>(array_bytes))),
      .memory_capacity = "what the kernel reports"};

  Report report{.is_file = true};
  report.file_text = cost::hardware_yaml(
      out, "Written by `ff-roofline calibrate`; for `ff-roofline time --hardware FILE`.");
  report.text = report.file_text;
  report.json = {
      {"name", out.name},
      {"peak_flops", {{"fp32", *out.peak_flops.fp32}}},
      {"memory_bandwidth", out.memory_bandwidth},
      {"memory_capacity", out.memory_capacity},
      {"efficiency", {{"compute", out.efficiency.compute}, {"memory", out.efficiency.memory}}},
      {"op_overhead_s", out.op_overhead_s}};
  return report;
}

}  // namespace ff::roofline
