// SPDX-License-Identifier: MIT
#pragma once
// Which library serves LibTorch's matrix products. On Debian it is whatever the alternative
// libblas.so.3 points to, and the choices differ by a factor of ten.
#include <string>
#include <string_view>

namespace ff::train {

enum class BlasKind {
  kUnknown,
  kReference,  ///< netlib's, a tenth of the others' speed
  kAtlas,      ///< a quarter to a half of OpenBLAS' speed
  kOpenBlasPthread,
  kOpenBlasOpenmp,
  kOpenBlasSerial,
  kOpenBlas,  ///< of a flavour that its path does not tell
  kBlis,
  kMkl,
  kInsideTorch,  ///< linked into LibTorch itself: MKL in the builds of pytorch.org
};
[[nodiscard]] const char* to_string(BlasKind kind);

/// The kind by the path of the library's file, with links resolved.
[[nodiscard]] BlasKind recognise_blas(std::string_view path);

struct Blas {
  BlasKind kind = BlasKind::kUnknown;
  std::string path;    ///< of the file that sgemm_ comes from; empty if there is no such symbol
  std::string config;  ///< OpenBLAS' own description; empty for others
  std::string core;    ///< the CPU that OpenBLAS takes this one for
};

/// The BLAS that this process has loaded.
[[nodiscard]] Blas loaded_blas();

/// FLOP/s of LibTorch's product of two 512 x 512 float32 matrices on one thread, in 0.2 s.
[[nodiscard]] double blas_flops_per_s();

}  // namespace ff::train
