// SPDX-License-Identifier: MIT
#pragma once
// Eight floats at once through GCC's vector extension, and one binary for every x86-64: a kernel is
// an always-inline template that FF_DISPATCH compiles twice, for AVX2 with FMA and for the
// baseline, and picks at run time.
#include <cstdint>
#include <cstring>

#define FF_INLINE inline __attribute__((always_inline))
#define FF_INLINE_LAMBDA __attribute__((always_inline))

#if defined(__x86_64__)
#define FF_AVX2 __attribute__((target("avx2,fma")))
#define FF_HAS_AVX2 (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#else
#define FF_AVX2
#define FF_HAS_AVX2 false
#endif

/// Defines `name(parameters)` as a call of the always-inline `body`, compiled for each target.
#define FF_DISPATCH(name, parameters, call)    \
  FF_AVX2 static void name##_avx2 parameters { \
    call;                                      \
  }                                            \
  static void name##_plain parameters {        \
    call;                                      \
  }                                            \
  static const auto name##_best = FF_HAS_AVX2 ? &name##_avx2 : &name##_plain;

namespace ff::engine::fused {

inline constexpr int64_t kLanes = 8;
using Floats = float __attribute__((vector_size(32)));
using Ints = int32_t __attribute__((vector_size(32)));

FF_INLINE Floats splat(float x) {
  return Floats{} + x;
}

FF_INLINE void load(const float* p, Floats& v) {
  std::memcpy(&v, p, sizeof(v));
}
FF_INLINE void store(float* p, const Floats& v) {
  std::memcpy(p, &v, sizeof(v));
}

FF_INLINE float sum_lanes(const Floats& v) {
  return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}

/// e^x to 2 units in the last place for x in [-87, 88]; smaller x gives about 1e-38.
FF_INLINE Floats exp8(Floats x) {
  x = x < -87.0F ? splat(-87.0F) : x;
  x = x > 88.0F ? splat(88.0F) : x;
  // n = round(x / ln 2): adding 1.5 * 2^23 leaves the integer in the low bits.
  const Floats shifted = x * 1.44269504F + 12582912.0F;
  const Floats n = shifted - 12582912.0F;
  // ln 2 in two parts, so that x - n ln 2 is exact to float precision.
  const Floats r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  Floats p = r * 1.9875691500e-4F + 1.3981999507e-3F;  // Cephes' expf polynomial
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  Ints exponent;
  std::memcpy(&exponent, &shifted, sizeof(exponent));
  exponent = (exponent << 23) + (127 << 23);  // the constant's own bits are shifted out
  Floats power;
  std::memcpy(&power, &exponent, sizeof(power));
  return p * power;
}

}  // namespace ff::engine::fused
