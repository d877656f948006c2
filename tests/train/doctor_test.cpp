// SPDX-License-Identifier: MIT
// The doctor's judgement, as functions of paths and facts. What it measures is tested end to end.
#include "flops_fit/train/doctor.h"

#include "support/catch.h"

#include <algorithm>

using namespace ff::train;

namespace {

/// A machine that nothing is wrong with.
DoctorFacts healthy() {
  DoctorFacts facts;
  facts.machine.cpu_model = "a CPU";
  facts.machine.cpu_flags = {"avx2", "fma"};
  facts.machine.allowed_cores = facts.machine.present_cores = 8;
  facts.machine.memory_bytes = int64_t{32} << 30;
  facts.machine.memory_available_bytes = int64_t{30} << 30;
  facts.busy = ff::BusyCores{.busy = 0.02};
  facts.vectors = "AVX2";
  facts.peak_one_flops_per_s = 100e9;
  facts.peak_each_flops_per_s = 95e9;
  facts.bandwidth_one_bytes_per_s = 12e9;
  facts.bandwidth_all_bytes_per_s = 40e9;
  facts.torch_version = "2.6.0";
  facts.blas = {.kind = BlasKind::kOpenBlasOpenmp, .path = "/usr/lib/x/libblas.so.3"};
  facts.blas_flops_per_s = 80e9;
  facts.parametrization = "u-mup";
  facts.architecture = {.d_model = 64,
                        .num_layers = 2,
                        .num_heads = 8,
                        .d_ff = 256,
                        .vocab_size = 488,
                        .seq_len = 64};
  facts.batch_rows = 16;
  facts.device = "cpu";
  facts.engine = "fused";
  facts.tokens_per_s = 5e4;
  return facts;
}

/// The one finding of facts that are healthy but for one thing.
Finding only_finding(const DoctorFacts& facts) {
  const auto found = findings(facts);
  for (const Finding& finding : found) {
    INFO(finding.what);
    CHECK_FALSE(finding.cure.empty());
  }
  REQUIRE(found.size() == 1);
  return found[0];
}

}  // namespace

TEST_CASE("a BLAS is recognised by its path", "[doctor]") {
  const std::string debian = "/usr/lib/x86_64-linux-gnu/";
  CHECK(recognise_blas(debian + "blas/libblas.so.3.11.0") == BlasKind::kReference);
  CHECK(recognise_blas(debian + "atlas/libblas.so.3.10.3") == BlasKind::kAtlas);
  CHECK(recognise_blas(debian + "openblas-pthread/libblas.so.3") == BlasKind::kOpenBlasPthread);
  CHECK(recognise_blas(debian + "openblas-pthread/libopenblasp-r0.3.21.so") ==
        BlasKind::kOpenBlasPthread);
  CHECK(recognise_blas(debian + "openblas-openmp/libblas.so.3") == BlasKind::kOpenBlasOpenmp);
  CHECK(recognise_blas(debian + "openblas-serial/libblas.so.3") == BlasKind::kOpenBlasSerial);
  CHECK(recognise_blas("/usr/lib64/libopenblaso-r0.3.26.so") == BlasKind::kOpenBlasOpenmp);
  CHECK(recognise_blas("/opt/OpenBLAS/lib/libopenblas.so.0") == BlasKind::kOpenBlas);
  CHECK(recognise_blas(debian + "blis-openmp/libblas.so.3") == BlasKind::kBlis);
  CHECK(recognise_blas("/opt/intel/oneapi/mkl/2024.0/lib/libmkl_rt.so.2") == BlasKind::kMkl);
  CHECK(recognise_blas("/opt/libtorch/lib/libtorch_cpu.so") == BlasKind::kInsideTorch);
  CHECK(recognise_blas("/usr/lib64/libblas.so.3.12.0") == BlasKind::kReference);
  CHECK(recognise_blas("") == BlasKind::kUnknown);
  CHECK(recognise_blas("/usr/lib/libm.so.6") == BlasKind::kUnknown);
}

TEST_CASE("nothing is found on a healthy machine", "[doctor]") {
  CHECK(findings(healthy()).empty());
  CHECK_THAT(doctor_text(healthy()), ContainsSubstring("Nothing stands in the way"));
}

TEST_CASE("a slow BLAS is a warning to the eager engine and a note to the fused one", "[doctor]") {
  DoctorFacts facts = healthy();
  facts.blas = {.kind = BlasKind::kReference, .path = "/usr/lib/x/blas/libblas.so.3"};
  facts.blas_flops_per_s = 2e9;
  CHECK_FALSE(only_finding(facts).warning);
  CHECK_THAT(only_finding(facts).cure, ContainsSubstring("apt install libopenblas0-openmp"));
  CHECK_THAT(only_finding(facts).cure, ContainsSubstring("update-alternatives --set libblas.so.3"));
  CHECK_THAT(only_finding(facts).what, ContainsSubstring("2.0 GFLOP/s"));
  facts.engine = "eager";
  CHECK(only_finding(facts).warning);
  facts.blas.kind = BlasKind::kUnknown;  // slow, whatever it is called
  CHECK_THAT(only_finding(facts).what, ContainsSubstring("are slow"));
  facts.blas_flops_per_s = 70e9;
  CHECK(findings(facts).empty());
}

TEST_CASE("OpenBLAS that mistakes an AVX-512 machine is found", "[doctor]") {
  DoctorFacts facts = healthy();
  facts.engine = "eager";
  facts.blas.core = "Haswell";
  CHECK(findings(facts).empty());  // it is one
  facts.machine.cpu_flags.insert(facts.machine.cpu_flags.end(), {"avx512bw", "avx512vl"});
  CHECK_THAT(only_finding(facts).cure, ContainsSubstring("OPENBLAS_CORETYPE=SkylakeX"));
  facts.blas.core = "SkylakeX";
  CHECK(findings(facts).empty());
}

TEST_CASE("every trouble has its finding", "[doctor]") {
  DoctorFacts facts = healthy();
  SECTION("fewer cores allowed than present") {
    facts.machine.allowed_cores = 2;
    CHECK_THAT(only_finding(facts).what, ContainsSubstring("2 of 8 cores"));
    CHECK_THAT(only_finding(facts).cure, ContainsSubstring("taskset -c 0-7"));
  }
  SECTION("a quota below the cores") {
    facts.machine.quota_cores = 2.5;
    CHECK_THAT(only_finding(facts).cure, ContainsSubstring("hardware.num_threads=2"));
    facts.machine.quota_cores = 8.0;
    CHECK(findings(facts).empty());
  }
  SECTION("other programs") {
    facts.busy->busy = 1.5;
    CHECK_THAT(only_finding(facts).what, ContainsSubstring("1.5 cores busy"));
  }
  SECTION("other virtual machines") {
    facts.busy = ff::BusyCores{.busy = 0.5, .stolen = 0.4};
    CHECK_THAT(only_finding(facts).what, ContainsSubstring("hypervisor"));
  }
  SECTION("swap") {
    facts.machine.swap_used_bytes = int64_t{1} << 30;
    CHECK_THAT(only_finding(facts).what, ContainsSubstring("1024 MiB are swapped out"));
  }
  SECTION("little memory") {
    facts.machine.memory_available_bytes = int64_t{1} << 30;
    CHECK_THAT(only_finding(facts).cure, ContainsSubstring("hardware.num_threads=2"));
  }
  SECTION("the clock") {
    facts.machine.turbo = false;
    CHECK_THAT(only_finding(facts).what, ContainsSubstring("boost clock"));
    facts.machine.turbo = true;
    facts.machine.governor = "powersave";
    CHECK_FALSE(only_finding(facts).warning);
  }
  SECTION("cores that are half cores") {
    facts.machine.threads_per_core = 2;
    facts.peak_each_flops_per_s = 52e9;
    CHECK_THAT(only_finding(facts).cure, ContainsSubstring("8 logical cores are 4 physical"));
  }
  SECTION("a model that is not fused") {
    facts.engine = "eager";
    facts.not_fused = "it has norm gains";
    CHECK_THAT(only_finding(facts).what, ContainsSubstring("norm gains"));
  }
  SECTION("a GPU that LibTorch cannot use") {
    facts.nvidia_device = true;
    CHECK_THAT(only_finding(facts).cure, ContainsSubstring("CMAKE_PREFIX_PATH"));
    facts.cuda = true;
    CHECK(findings(facts).empty());
  }
#if defined(__x86_64__)
  SECTION("no AVX2") {
    facts.machine.cpu_flags.clear();
    CHECK_THAT(only_finding(facts).what, ContainsSubstring("no AVX2"));
  }
#endif
}

TEST_CASE("warnings stand before notes", "[doctor]") {
  DoctorFacts facts = healthy();
  facts.nvidia_device = true;
  facts.machine.allowed_cores = 2;
  const auto found = findings(facts);
  REQUIRE(found.size() == 2);
  CHECK(found[0].warning);
  CHECK_FALSE(found[1].warning);
}
