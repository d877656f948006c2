// SPDX-License-Identifier: MIT
#pragma once
// Several floats at once through GCC's vector extension, and one binary for every CPU: a kernel is
// an always-inline template over the number of lanes, which FF_DISPATCH compiles for AVX-512 (16
// lanes), for AVX2 with FMA (8) and for the baseline (4: SSE2 or NEON), and picks at run time.
#include "flops_fit/engine/cpu.h"

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#define FF_INLINE inline __attribute__((always_inline))
#define FF_INLINE_LAMBDA __attribute__((always_inline))

#ifndef FF_AVX2_LANES
#define FF_AVX2_LANES 8  // a test builds with 16, to run the AVX-512 code's logic on any machine
#endif

#if defined(__x86_64__)
#define FF_AVX512 __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma")))
#define FF_AVX2 __attribute__((target("avx2,fma")))
#else
#define FF_AVX512
#define FF_AVX2
#endif

/// Defines `name_best parameters` as `call`, compiled for each instruction set with its kLanes.
#define FF_DISPATCH(name, parameters, arguments, call) \
  FF_AVX512 void name##_avx512 parameters {            \
    constexpr int kLanes = 16;                         \
    call;                                              \
  }                                                    \
  FF_AVX2 void name##_avx2 parameters {                \
    constexpr int kLanes = FF_AVX2_LANES;              \
    call;                                              \
  }                                                    \
  void name##_plain parameters {                       \
    constexpr int kLanes = 4;                          \
    call;                                              \
  }                                                    \
  void name##_best parameters {                        \
    switch (instruction_set()) {                       \
      case InstructionSet::kAvx512:                    \
        return name##_avx512 arguments;                \
      case InstructionSet::kAvx2:                      \
        return name##_avx2 arguments;                  \
      case InstructionSet::kPlain:                     \
        return name##_plain arguments;                 \
    }                                                  \
  }

namespace ff::engine::fused {

template <int kLanes>
struct Simd {
  typedef float Floats __attribute__((vector_size(kLanes * 4)));
  typedef int32_t Ints __attribute__((vector_size(kLanes * 4)));
};
template <int kLanes>
using Floats = typename Simd<kLanes>::Floats;
template <int kLanes>
using Ints = typename Simd<kLanes>::Ints;

template <class Vector>
FF_INLINE Vector splat(float x) {
  return Vector{} + x;
}
template <class To, class From>
FF_INLINE To bits(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

template <class Vector>
FF_INLINE void load(const void* p, Vector& v) {
  std::memcpy(&v, p, sizeof(v));
}
template <class Vector>
FF_INLINE void store(void* p, const Vector& v) {
  std::memcpy(p, &v, sizeof(v));
}
/// The first n lanes; the others of a loaded vector are `fill`.
template <class Vector>
FF_INLINE void load_some(const float* p, int64_t n, float fill, Vector& v) {
  if (n * sizeof(float) == sizeof(Vector)) {
    load(p, v);
    return;
  }
  v = splat<Vector>(fill);
  std::memcpy(&v, p, static_cast<size_t>(n) * sizeof(float));
}
template <class Vector>
FF_INLINE void store_some(float* p, int64_t n, const Vector& v) {
  if (n * sizeof(float) == sizeof(Vector)) {
    store(p, v);
    return;
  }
  std::memcpy(p, &v, static_cast<size_t>(n) * sizeof(float));
}

/// In a tree, whose order is fixed.
template <int kLanes>
FF_INLINE float sum_lanes(const Floats<kLanes>& v) {
  float parts[kLanes];
  store(parts, v);
#pragma GCC unroll 4
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      parts[i] += parts[i + half];
    }
  }
  return parts[0];
}

/// body(0), ..., body(kCount - 1) with constant arguments: a loop's registers stay registers.
template <int kCount, class Body>
FF_INLINE void unroll(Body&& body) {
  const auto each = [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) FF_INLINE_LAMBDA {
    (body(std::integral_constant<int, kIndex>{}), ...);
  };
  each(std::make_integer_sequence<int, kCount>{});
}

/// Calls body(i, n) for the n <= kLanes floats from i on, over [0, count).
template <int kLanes, class Body>
FF_INLINE void for_each_vector(int64_t count, Body&& body) {
  int64_t i = 0;
#pragma GCC unroll 2
  for (; i + kLanes <= count; i += kLanes) {
    body(i, kLanes);
  }
  if (i < count) {
    body(i, count - i);
  }
}

/// e^x to 2 units in the last place for x in [-87, 88]; smaller x gives about 1e-38. Without
/// kMayBePositive x must not be above 0.
template <int kLanes, bool kMayBePositive = true>
FF_INLINE Floats<kLanes> exp_of(Floats<kLanes> x) {
  using V = Floats<kLanes>;
  x = x < -87.0F ? splat<V>(-87.0F) : x;
  if constexpr (kMayBePositive) {
    x = x > 88.0F ? splat<V>(88.0F) : x;
  }
  // n = round(x / ln 2): adding 1.5 * 2^23 leaves the integer in the low bits.
  const V shifted = x * 1.44269504F + 12582912.0F;
  const V n = shifted - 12582912.0F;
  // ln 2 in two parts, so that x - n ln 2 is exact to float precision.
  const V r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  V p = r * 1.9875691500e-4F + 1.3981999507e-3F;  // Cephes' expf polynomial
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  auto exponent = bits<Ints<kLanes>>(shifted);
  exponent = (exponent << 23) + (127 << 23);  // the constant's own bits are shifted out
  return p * bits<V>(exponent);
}

}  // namespace ff::engine::fused
