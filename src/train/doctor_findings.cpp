// SPDX-License-Identifier: MIT
#include "flops_fit/train/doctor.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace ff::train {
namespace {

constexpr double kGiga = 1e9;
constexpr double kMiB = 1024.0 * 1024.0;

#if defined(__aarch64__)
constexpr const char* kMultiarch = "aarch64-linux-gnu";
#else
constexpr const char* kMultiarch = "x86_64-linux-gnu";
#endif

std::string install_openblas() {
  std::string cure = "apt install libopenblas0-openmp";
  for (const char* library : {"libblas", "liblapack"}) {
    cure += fmt::format(
        " && update-alternatives --set {0}.so.3-{1} /usr/lib/{1}/openblas-openmp/{0}.so.3",
        library,
        kMultiarch);
  }
  return cure;
}

class Findings {
 public:
  template <class... Args>
  void warn(std::string cure, fmt::format_string<Args...> what, Args&&... args) {
    found_.push_back({true, fmt::format(what, std::forward<Args>(args)...), std::move(cure)});
  }
  template <class... Args>
  void note(std::string cure, fmt::format_string<Args...> what, Args&&... args) {
    found_.push_back({false, fmt::format(what, std::forward<Args>(args)...), std::move(cure)});
  }
  std::vector<Finding> take() {
    std::stable_sort(found_.begin(), found_.end(), [](const Finding& a, const Finding& b) {
      return a.warning && !b.warning;
    });
    return std::move(found_);
  }

 private:
  std::vector<Finding> found_;
};

void look_at_cores(const Machine& m, Findings& out) {
  if (m.allowed_cores < m.present_cores) {
    out.warn(fmt::format("start ff-train without taskset, or with taskset -c 0-{}; in a container, "
                         "raise its cpuset",
                         m.present_cores - 1),
             "this process may use {} of {} cores",
             m.allowed_cores,
             m.present_cores);
  }
  if (m.quota_cores && *m.quota_cores < static_cast<double>(m.allowed_cores) - 0.01) {
    out.warn(fmt::format("raise the container's CPU limit, or set hardware.num_threads={}",
                         std::max<int64_t>(1, static_cast<int64_t>(*m.quota_cores))),
             "the control group grants {:.1f} cores' time for {} cores, and stops them all when "
             "it is spent",
             *m.quota_cores,
             m.allowed_cores);
  }
  if (m.turbo == false) {
    out.warn("echo 1 > /sys/devices/system/cpu/cpufreq/boost (or 0 > .../intel_pstate/no_turbo)",
             "the CPU's boost clock is switched off");
  }
  // intel_pstate's "powersave" does follow the load; the clock it gives is in the measured peak.
  if (m.governor == "powersave" || m.governor == "conservative") {
    out.note("cpupower frequency-set -g performance",
             "the clock's governor is {}, which may be slow to raise it",
             m.governor);
  }
}

void look_at_load(const DoctorFacts& facts, Findings& out) {
  constexpr double kBusy = 0.25;
  if (facts.busy && facts.busy->busy - facts.busy->stolen > kBusy) {
    out.warn(
        "see top; every core is trained on, so each busy one slows a run (or set "
        "hardware.num_threads lower)",
        "other programs kept {:.1f} cores busy",
        facts.busy->busy - facts.busy->stolen);
  }
  if (facts.busy && facts.busy->stolen > 0.1) {
    out.warn("other virtual machines share these cores; nothing here can change that",
             "the hypervisor took {:.1f} cores' time away",
             facts.busy->stolen);
  }
  constexpr double kSag = 0.75;
  if (facts.peak_each_flops_per_s < kSag * facts.peak_one_flops_per_s) {
    out.note(facts.machine.threads_per_core > 1
                 ? fmt::format("the {} logical cores are {} physical ones; that is their nature",
                               facts.machine.present_cores,
                               facts.machine.present_cores / facts.machine.threads_per_core)
                 : "a lower clock under full load, or other programs at work",
             "with all cores at work each reaches {:.0f}% of what one alone does",
             100.0 * facts.peak_each_flops_per_s / facts.peak_one_flops_per_s);
  }
}

void look_at_memory(const Machine& m, Findings& out) {
  constexpr double kWorkerMiB = 400.0;  // LibTorch, its allocator's reserve, a small model
  const double available_mib = static_cast<double>(m.memory_available_bytes) / kMiB;
  const auto fits = static_cast<int64_t>(available_mib / kWorkerMiB);
  if (available_mib > 0 && fits < m.allowed_cores) {
    out.warn(fmt::format("hardware.num_threads={}, or end what holds the memory (ps aux "
                         "--sort=-rss | head)",
                         std::max<int64_t>(1, fits)),
             "{:.0f} MiB of memory are available for {} runs at once of about {:.0f} MiB each",
             available_mib,
             m.allowed_cores,
             kWorkerMiB);
  }
  const double swap_mib = static_cast<double>(m.swap_used_bytes) / kMiB;
  if (swap_mib > 64.0) {
    out.warn("end what holds the memory (ps aux --sort=-rss | head), then swapoff -a && swapon -a",
             "{:.0f} MiB are swapped out",
             swap_mib);
  }
}

/// LibTorch's products matter where the eager engine trains; elsewhere they are good to know.
void look_at_blas(const DoctorFacts& facts, Findings& out) {
  const bool matters = facts.engine == "eager" && facts.device == "cpu";
  const auto say = [&](std::string cure, const std::string& what) {
    matters ? out.warn(std::move(cure), "{}", what)
            : out.note(std::move(cure),
                       "{}; it would matter to the eager engine, which this model does not need",
                       what);
  };
  const double share = facts.blas_flops_per_s / facts.peak_one_flops_per_s;
  const std::string speed = fmt::format("{:.1f} GFLOP/s on one core, {:.0f}% of its peak",
                                        facts.blas_flops_per_s / kGiga,
                                        100.0 * share);
  switch (facts.blas.kind) {
    case BlasKind::kReference:
    case BlasKind::kAtlas:
      say(install_openblas(),
          fmt::format("LibTorch's products run in {} ({})", to_string(facts.blas.kind), speed));
      return;
    default:
      break;
  }
  // Cores that OpenBLAS has AVX-512 kernels for; the others run at half speed.
  constexpr std::array<std::string_view, 4> kWide = {
      "skylakex", "cooperlake", "sapphirerapids", "zen5"};
  std::string core = facts.blas.core;
  std::transform(core.begin(), core.end(), core.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  if (!core.empty() && facts.machine.has_flag("avx512bw") && facts.machine.has_flag("avx512vl") &&
      std::find(kWide.begin(), kWide.end(), core) == kWide.end()) {
    say("unset OPENBLAS_CORETYPE, which ff-train's workers then set to SkylakeX (for other "
        "programs: export OPENBLAS_CORETYPE=SkylakeX)",
        fmt::format("OpenBLAS takes this AVX-512 machine for {} ({})", facts.blas.core, speed));
  } else if (share < 0.4) {
    say(install_openblas(), "LibTorch's products are slow: " + speed);
  }
}

void look_at_model(const DoctorFacts& facts, Findings& out) {
  if (facts.not_fused && facts.device == "cpu") {
    out.warn("set engine=auto",
             "the fused engine does not train this model: {}",
             *facts.not_fused);
  }
  if (facts.nvidia_device && !facts.cuda) {
    out.note(
        "build against a CUDA LibTorch from pytorch.org (CMAKE_PREFIX_PATH) with a working "
        "driver",
        "there is an NVIDIA device, and this LibTorch ({}) cannot use it",
        facts.torch_version);
  }
#if defined(__x86_64__)
  if (!facts.machine.has_flag("avx2") || !facts.machine.has_flag("fma")) {
    out.warn("a virtual machine may hide it: give it the host's CPU model (qemu -cpu host)",
             "the CPU has no AVX2 with FMA; training is several times slower without");
  }
#endif
}

}  // namespace

std::vector<Finding> findings(const DoctorFacts& facts) {
  Findings out;
  look_at_model(facts, out);
  look_at_blas(facts, out);
  look_at_cores(facts.machine, out);
  look_at_load(facts, out);
  look_at_memory(facts.machine, out);
  return out.take();
}

}  // namespace ff::train
