// SPDX-License-Identifier: MIT
#pragma once
// A machine as a roofline (Williams, Waterman and Patterson 2009) knows it, and how long operators
// take on it: each is bound by arithmetic or by memory, whichever takes longer.
#include "flops_fit/config/field.h"
#include "flops_fit/cost/evaluate.h"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::cost {

/// Dense peaks [FLOP/s], by the type of the factors; none where the device has no such unit.
struct PeakFlops {
  std::optional<double> fp64, fp32, tf32, fp16, bf16, fp8, fp4, int8;

  template <class V>
  void visit(V& v) {
    const auto peak = [&](const char* name, std::optional<double>& value) {
      v(name, value, {.doc = "Dense peak with factors of this type.", .unit = "FLOP/s", .min = 1});
    };
    peak("fp64", fp64);
    peak("fp32", fp32);
    peak("tf32", tf32);
    peak("fp16", fp16);
    peak("bf16", bf16);
    peak("fp8", fp8);
    peak("fp4", fp4);
    peak("int8", int8);
  }
};

struct Efficiency {
  double compute = 1.0;
  double memory = 1.0;

  template <class V>
  void visit(V& v) {
    v("compute", compute, {.doc = "Of the peak that kernels reach.", .min = 1e-6, .max = 1.0});
    v("memory", memory, {.doc = "Of the bandwidth that kernels reach.", .min = 1e-6, .max = 1.0});
  }
};

/// Where each figure is from.
struct HardwareSource {
  std::string peak_flops, memory_bandwidth, memory_capacity;

  template <class V>
  void visit(V& v) {
    v("peak_flops", peak_flops, {.doc = "Of peak_flops."});
    v("memory_bandwidth", memory_bandwidth, {.doc = "Of memory_bandwidth."});
    v("memory_capacity", memory_capacity, {.doc = "Of memory_capacity."});
  }
};

struct Hardware {
  std::string name;
  PeakFlops peak_flops;
  double memory_bandwidth = 0.0;
  double memory_capacity = 0.0;
  Efficiency efficiency;
  double op_overhead_s = 0.0;
  HardwareSource source;

  template <class V>
  void visit(V& v) {
    v("name", name, {.doc = "As in a report."});
    v("peak_flops", peak_flops, {.doc = "Dense peaks by type."});
    v("memory_bandwidth", memory_bandwidth, {.doc = "Of main memory.", .unit = "B/s", .min = 1});
    v("memory_capacity", memory_capacity, {.doc = "Of main memory.", .unit = "B", .min = 1});
    v("efficiency", efficiency, {.doc = "What real kernels reach of both; 1 = the roofline."});
    v("op_overhead_s", op_overhead_s, {.doc = "Added to every operator.", .unit = "s", .min = 0});
    v("source", source, {.doc = "Where each figure is from."});
  }
};

/// Reads a file of conf/hardware. Throws ConfigError (file, line, key) for what is wrong or
/// missing.
[[nodiscard]] Hardware read_hardware(const std::filesystem::path& path);
/// As the files of conf/hardware are written, with `comment` above.
[[nodiscard]] std::string hardware_yaml(const Hardware& hardware, const std::string& comment);

/// The peak of a type by name ("bf16"). Throws ConfigError naming those that the device has.
[[nodiscard]] double peak_of(const Hardware& hardware, const std::string& precision);
/// The type whose peak counts for a model's activations: "bf16" for bfloat16.
[[nodiscard]] std::string precision_of(const std::string& dtype, const Num& activation_bytes);

/// The machine as an operator sees it: rates after efficiency.
struct Roofline {
  double flops_per_s = 0.0;
  double bytes_per_s = 0.0;
  double op_overhead_s = 0.0;
  /// FLOPs per byte from which on arithmetic is the bound.
  [[nodiscard]] double ridge() const { return flops_per_s / bytes_per_s; }
};
[[nodiscard]] Roofline roofline_of(const Hardware& hardware, double peak_flops);

struct OpTime {
  double seconds = 0.0;  ///< of all copies
  bool compute_bound = false;
};
[[nodiscard]] OpTime time_of(const OpCost& op, const Roofline& roofline);
[[nodiscard]] double seconds_of(std::span<const OpCost> ops, const Roofline& roofline);

}  // namespace ff::cost
