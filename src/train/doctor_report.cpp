// SPDX-License-Identifier: MIT
#include "flops_fit/io/sweep.h"
#include "flops_fit/train/doctor.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <iterator>

namespace ff::train {
namespace {

constexpr double kGiga = 1e9;

/// Of what a CPU has, the instructions that matter to matrix products.
std::vector<std::string> notable_flags(const Machine& machine) {
  constexpr std::array kNotable = {"sse4_2",
                                   "avx",
                                   "avx2",
                                   "fma",
                                   "avx_vnni",
                                   "avx512f",
                                   "avx512bw",
                                   "avx512vl",
                                   "avx512_bf16",
                                   "amx_bf16",
                                   "asimd",
                                   "sve",
                                   "bf16"};
  std::vector<std::string> found;
  for (const char* flag : kNotable) {
    if (machine.has_flag(flag)) {
      found.emplace_back(flag);
    }
  }
  return found;
}

std::string bytes_text(int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  constexpr double kKiB = 1024.0;
  if (value >= kKiB * kKiB * kKiB) {
    return fmt::format("{:.1f} GiB", value / (kKiB * kKiB * kKiB));
  }
  return value >= kKiB * kKiB ? fmt::format("{:.3g} MiB", value / (kKiB * kKiB))
                              : fmt::format("{:.3g} KiB", value / kKiB);
}

std::string caches_text(const Machine& machine) {
  std::vector<std::string> parts;
  for (const CpuCache& cache : machine.caches) {
    if (cache.type != "Instruction") {
      parts.push_back(
          fmt::format("L{} {}{}",
                      cache.level,
                      bytes_text(cache.bytes),
                      cache.shared_by > 1 ? fmt::format(" for {} cores", cache.shared_by) : ""));
    }
  }
  return parts.empty() ? "unknown" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string clock_text(const Machine& machine) {
  std::string text;
  if (!machine.governor.empty()) {
    text += ", governor " + machine.governor;
  }
  if (machine.turbo) {
    text += *machine.turbo ? ", boost on" : ", boost off";
  }
  return text;
}

double share_of_peak(const DoctorFacts& facts) {
  return facts.model_flops_per_s() / facts.peak_each_flops_per_s;
}

}  // namespace

std::string doctor_text(const DoctorFacts& facts) {
  const Machine& m = facts.machine;
  std::string text;
  const auto line = [&](const char* name, const std::string& content) {
    fmt::format_to(std::back_inserter(text), "{:<10}{}\n", name, content);
  };
  line("CPU",
       fmt::format(
           "{}, {} of {} cores usable{}{}{}",
           m.cpu_model,
           m.allowed_cores,
           m.present_cores,
           m.threads_per_core > 1 ? fmt::format(" ({} to a physical one)", m.threads_per_core) : "",
           m.quota_cores ? fmt::format(", quota {:.1f} cores", *m.quota_cores) : "",
           clock_text(m)));
  line("vectors",
       fmt::format("{} in use; the CPU has {}", facts.vectors, fmt::join(notable_flags(m), " ")));
  line("caches", caches_text(m));
  line("peak",
       fmt::format("{:.1f} GFLOP/s on one core, {:.1f} on each of {} at once",
                   facts.peak_one_flops_per_s / kGiga,
                   facts.peak_each_flops_per_s / kGiga,
                   m.allowed_cores));
  line("memory",
       fmt::format("{} of {} available{}; {:.1f} GB/s from one core, {:.1f} from all",
                   bytes_text(m.memory_available_bytes),
                   bytes_text(m.memory_bytes),
                   m.swap_used_bytes > 0 ? ", " + bytes_text(m.swap_used_bytes) + " swapped" : "",
                   facts.bandwidth_one_bytes_per_s / kGiga,
                   facts.bandwidth_all_bytes_per_s / kGiga));
  line("load",
       facts.busy
           ? fmt::format(
                 "{:.1f} of {} cores busy with other programs", facts.busy->busy, m.present_cores)
           : "unknown");
  line("LibTorch",
       fmt::format("{}, {}",
                   facts.torch_version,
                   facts.cuda            ? "CUDA usable"
                   : facts.nvidia_device ? "CUDA not usable"
                                         : "no CUDA"));
  line("BLAS",
       fmt::format("{}, {:.1f} GFLOP/s on one core{}: {}",
                   to_string(facts.blas.kind),
                   facts.blas_flops_per_s / kGiga,
                   facts.blas.core.empty() ? "" : ", kernels for " + facts.blas.core,
                   facts.blas.path.empty() ? "no file" : facts.blas.path));
  const cost::Architecture& a = facts.architecture;
  line("model",
       fmt::format("{}, width {}, {} layers, vocabulary {}, {} parameters; {} rows of {} tokens",
                   facts.parametrization,
                   a.d_model,
                   a.num_layers,
                   a.vocab_size,
                   format_count(static_cast<double>(cost::count_params(a).total)),
                   facts.batch_rows,
                   a.seq_len));
  line("speed",
       facts.device == "cpu"
           ? fmt::format("engine {}: {} tokens/s on each core, {:.1f} GFLOP/s, {:.0f}% of the peak",
                         facts.engine,
                         format_count(facts.tokens_per_s),
                         facts.model_flops_per_s() / kGiga,
                         100.0 * share_of_peak(facts))
           : fmt::format("engine {} on {}: {} tokens/s, {:.1f} GFLOP/s",
                         facts.engine,
                         facts.device,
                         format_count(facts.tokens_per_s),
                         facts.model_flops_per_s() / kGiga));
  const std::vector<Finding> found = findings(facts);
  text += found.empty() ? "\nNothing stands in the way.\n" : "\n";
  for (const Finding& finding : found) {
    fmt::format_to(std::back_inserter(text),
                   "{}: {}.\n    {}\n",
                   finding.warning ? "warning" : "note",
                   finding.what,
                   finding.cure);
  }
  return text;
}

io::Json doctor_json(const DoctorFacts& facts) {
  const Machine& m = facts.machine;
  io::Json caches = io::Json::array();
  for (const CpuCache& cache : m.caches) {
    caches.push_back({{"level", cache.level},
                      {"type", cache.type},
                      {"bytes", cache.bytes},
                      {"shared_by_cores", cache.shared_by}});
  }
  io::Json list = io::Json::array();
  for (const Finding& finding : findings(facts)) {
    list.push_back({{"level", finding.warning ? "warning" : "note"},
                    {"what", finding.what},
                    {"cure", finding.cure}});
  }
  const bool on_cpu = facts.device == "cpu";
  return {{"machine",
           {{"cpu_model", m.cpu_model},
            {"allowed_cores", m.allowed_cores},
            {"present_cores", m.present_cores},
            {"threads_per_core", m.threads_per_core},
            {"quota_cores", io::number_or_null(m.quota_cores)},
            {"governor", m.governor.empty() ? io::Json(nullptr) : io::Json(m.governor)},
            {"turbo", m.turbo ? io::Json(*m.turbo) : io::Json(nullptr)},
            {"instruction_sets", notable_flags(m)},
            {"vectors_in_use", facts.vectors},
            {"caches", caches},
            {"memory_bytes", m.memory_bytes},
            {"memory_available_bytes", m.memory_available_bytes},
            {"swap_used_bytes", m.swap_used_bytes},
            {"busy_cores", facts.busy ? io::Json(facts.busy->busy) : io::Json(nullptr)},
            {"stolen_cores", facts.busy ? io::Json(facts.busy->stolen) : io::Json(nullptr)}}},
          {"peak",
           {{"one_core_flops_per_s", facts.peak_one_flops_per_s},
            {"each_of_all_flops_per_s", facts.peak_each_flops_per_s}}},
          {"memory_bandwidth",
           {{"one_core_bytes_per_s", facts.bandwidth_one_bytes_per_s},
            {"all_cores_bytes_per_s", facts.bandwidth_all_bytes_per_s}}},
          {"libtorch", {{"version", facts.torch_version}, {"cuda", facts.cuda}}},
          {"blas",
           {{"kind", to_string(facts.blas.kind)},
            {"path", facts.blas.path},
            {"config", facts.blas.config},
            {"core", facts.blas.core},
            {"one_core_flops_per_s", facts.blas_flops_per_s}}},
          {"model",
           {{"parametrization", facts.parametrization},
            {"architecture", io::to_json(facts.architecture)},
            {"batch_size", facts.batch_rows},
            {"device", facts.device},
            {"engine", facts.engine},
            {"why_not_fused", facts.not_fused ? io::Json(*facts.not_fused) : io::Json(nullptr)},
            {"tokens_per_s", facts.tokens_per_s},
            {"flops_per_s", facts.model_flops_per_s()},
            {"share_of_peak", on_cpu ? io::Json(share_of_peak(facts)) : io::Json(nullptr)}}},
          {"findings", list}};
}

}  // namespace ff::train
