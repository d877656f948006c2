// SPDX-License-Identifier: MIT
#include "flops_fit/train/blas.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <dlfcn.h>
#include <filesystem>
#include <utility>

namespace ff::train {
namespace {

/// What a function without arguments of the loaded libraries says; empty if there is none.
std::string ask(const char* function) {
  void* symbol = ::dlsym(RTLD_DEFAULT, function);
  if (symbol == nullptr) {
    return "";
  }
  const char* answer = reinterpret_cast<const char* (*)()>(symbol)();
  return answer == nullptr ? "" : answer;
}

}  // namespace

const char* to_string(BlasKind kind) {
  switch (kind) {
    case BlasKind::kReference:
      return "netlib reference BLAS";
    case BlasKind::kAtlas:
      return "ATLAS";
    case BlasKind::kOpenBlasPthread:
      return "OpenBLAS (pthread)";
    case BlasKind::kOpenBlasOpenmp:
      return "OpenBLAS (OpenMP)";
    case BlasKind::kOpenBlasSerial:
      return "OpenBLAS (serial)";
    case BlasKind::kOpenBlas:
      return "OpenBLAS";
    case BlasKind::kBlis:
      return "BLIS";
    case BlasKind::kMkl:
      return "MKL";
    case BlasKind::kInsideTorch:
      return "linked into LibTorch";
    case BlasKind::kUnknown:
      break;
  }
  return "unknown";
}

BlasKind recognise_blas(std::string_view path) {
  std::string text(path);
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  // Debian has a folder per flavour, Fedora a letter in the file's name. The first match counts:
  // OpenBLAS' folder holds a libblas.so.3 too.
  constexpr std::array<std::pair<std::string_view, BlasKind>, 14> kMarks = {{
      {"openblas-pthread", BlasKind::kOpenBlasPthread},
      {"openblas-openmp", BlasKind::kOpenBlasOpenmp},
      {"openblas-serial", BlasKind::kOpenBlasSerial},
      {"libopenblasp", BlasKind::kOpenBlasPthread},
      {"libopenblaso", BlasKind::kOpenBlasOpenmp},
      {"openblas", BlasKind::kOpenBlas},
      {"atlas", BlasKind::kAtlas},
      {"libsatlas", BlasKind::kAtlas},
      {"mkl", BlasKind::kMkl},
      {"blis", BlasKind::kBlis},
      {"libtorch", BlasKind::kInsideTorch},
      {"/blas/libblas", BlasKind::kReference},
      {"libblas.so", BlasKind::kReference},
      {"librefblas", BlasKind::kReference},
  }};
  for (const auto& [mark, kind] : kMarks) {
    if (text.find(mark) != std::string::npos) {
      return kind;
    }
  }
  return BlasKind::kUnknown;
}

Blas loaded_blas() {
  Blas blas;
  void* sgemm = ::dlsym(RTLD_DEFAULT, "sgemm_");
  if (sgemm == nullptr) {
    sgemm = ::dlsym(RTLD_DEFAULT, "cblas_sgemm");
  }
  Dl_info info{};
  if (sgemm != nullptr && ::dladdr(sgemm, &info) != 0 && info.dli_fname != nullptr) {
    std::error_code failure;
    const std::filesystem::path resolved = std::filesystem::canonical(info.dli_fname, failure);
    blas.path = failure ? std::string(info.dli_fname) : resolved.string();
  }
  blas.kind = recognise_blas(blas.path);
  blas.config = ask("openblas_get_config");
  blas.core = ask("openblas_get_corename");
  return blas;
}

double blas_flops_per_s() {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t kSize = 512;
  constexpr double kFlops = 2.0 * kSize * kSize * kSize;
  const torch::NoGradGuard no_grad;
  const torch::Tensor a = torch::ones({kSize, kSize});
  const torch::Tensor b = torch::ones({kSize, kSize});
  torch::Tensor out = torch::mm(a, b);
  double best_s = 1e9;
  const auto begin = Clock::now();
  while (std::chrono::duration<double>(Clock::now() - begin).count() < 0.2) {
    const auto start = Clock::now();
    torch::mm_out(out, a, b);
    best_s = std::min(best_s, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return kFlops / best_s;
}

}  // namespace ff::train
