// SPDX-License-Identifier: MIT
#pragma once
// C = alpha A B (+ C) in register tiles, for products that are too thin for a BLAS: at width 32 a
// BLAS spends 40% of its time packing. A is read one element at a time through two strides, so it
// may be transposed; rows of B are contiguous and may be read up to a whole vector; C is written
// exactly.
#include "simd.h"

#if defined(FF_COUNT_FLOPS)
#include <atomic>
#endif

namespace ff::engine::fused {

/// A factor of one product: a float, or two bfloat16 that are neighbours along the sum (the earlier
/// one in the lower half). multiply_add adds a's products with a vector of b's to `sum`.
struct Float32 {
  using Element = float;
  template <int kLanes>
  using Vector = Floats<kLanes>;

  template <int kLanes>
  static FF_INLINE void multiply_add(float a, const Floats<kLanes>& b, Floats<kLanes>& sum) {
    sum += a * b;
  }
};

/// Pairs of bfloat16 widened to float32: what the instruction does, on CPUs without it.
struct WidenedPair {
  using Element = uint32_t;
  template <int kLanes>
  using Vector = Ints<kLanes>;

  template <int kLanes>
  static FF_INLINE void multiply_add(uint32_t a, const Ints<kLanes>& b, Floats<kLanes>& sum) {
    using V = Floats<kLanes>;
    constexpr auto kUpper = static_cast<int32_t>(0xffff0000U);
    sum += bits<float>(a << 16) * bits<V>(b << 16);
    sum += bits<float>(a & 0xffff0000U) * bits<V>(b & kUpper);
  }
};

// Clang has no such constraint on a vector of 512 bits in a function without AVX-512, and needs
// none for what it builds here: the fuzz targets.
#if defined(__x86_64__) && !defined(__clang__)
#define FF_DOT_PAIRS 1
/// AVX512_BF16. In assembly: an intrinsic cannot be inlined into a template that is compiled for
/// several instruction sets.
struct DotPair {
  using Element = uint32_t;
  template <int kLanes>
  using Vector = Ints<kLanes>;

  template <int kLanes>
  static FF_INLINE void multiply_add(uint32_t a, const Ints<kLanes>& b, Floats<kLanes>& sum) {
    const Ints<kLanes> both = Ints<kLanes>{} + static_cast<int32_t>(a);
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(both), "v"(b));
  }
};
#endif

/// Rows of a tile of one or two vectors: twelve accumulators, as many as 16 registers leave room
/// for; 24 of AVX-512's 32.
template <int kLanes, int kVectors>
inline constexpr int kTileRows = (kLanes == 16 ? 24 : 12) / kVectors;

/// How a product reads its left factor.
template <class Type>
struct Factor {
  const typename Type::Element* data;
  int64_t row;    ///< stride between rows of C
  int64_t depth;  ///< stride along the sum
};

struct Output {
  float* data;
  int64_t stride;
  float alpha;
  bool add;
};

#if defined(FF_COUNT_FLOPS)
/// Of all products so far, filled-up vectors left out: for the test that compares what is computed
/// with what the cost model counts.
inline std::atomic<int64_t> multiply_adds{0};
#endif

/// One tile of kRows x (kVectors vectors), held in registers over the whole sum; of the last vector
/// only `last` lanes are written.
template <class Type, int kLanes, int kRows, int kVectors>
FF_INLINE void gemm_tile(int64_t depth,
                         const Factor<Type>& a,
                         const typename Type::Element* b,
                         int64_t b_stride,
                         const Output& c,
                         int64_t last) {
#if defined(FF_COUNT_FLOPS)
  multiply_adds += kRows * ((kVectors - 1) * kLanes + last) * depth;
#endif
  Floats<kLanes> sums[kRows * kVectors] = {};
  for (int64_t k = 0; k < depth; ++k) {
    typename Type::template Vector<kLanes> row[kVectors];
    unroll<kVectors>([&](auto v) FF_INLINE_LAMBDA { load(b + k * b_stride + v * kLanes, row[v]); });
    unroll<kRows>([&](auto r) FF_INLINE_LAMBDA {
      const auto factor = a.data[r * a.row + k * a.depth];
      unroll<kVectors>([&](auto v) FF_INLINE_LAMBDA {
        Type::template multiply_add<kLanes>(factor, row[v], sums[r * kVectors + v]);
      });
    });
  }
  unroll<kRows>([&](auto r) FF_INLINE_LAMBDA {
    unroll<kVectors>([&](auto v) FF_INLINE_LAMBDA {
      const int64_t n = v + 1 < kVectors ? kLanes : last;
      float* out = c.data + r * c.stride + v * kLanes;
      Floats<kLanes> result = sums[r * kVectors + v] * c.alpha;
      if (c.add) {
        Floats<kLanes> old;
        load_some(out, n, 0.0F, old);
        result += old;
      }
      store_some(out, n, result);
    });
  });
}

/// `rows` rows of a strip: whole tiles, then what is left in smaller ones.
template <class Type, int kLanes, int kVectors, int kRows = kTileRows<kLanes, kVectors>>
FF_INLINE void gemm_strip(int64_t rows,
                          int64_t depth,
                          Factor<Type> a,
                          const typename Type::Element* b,
                          int64_t b_stride,
                          Output c,
                          int64_t last) {
  for (; rows >= kRows; rows -= kRows, a.data += kRows * a.row, c.data += kRows * c.stride) {
    gemm_tile<Type, kLanes, kRows, kVectors>(depth, a, b, b_stride, c, last);
  }
  if constexpr (kRows > 1) {
    constexpr int kSmaller = kRows > 12 ? 12 : kRows > 8 ? 8 : kRows > 4 ? 4 : kRows / 2;
    if (rows > 0) {
      gemm_strip<Type, kLanes, kVectors, kSmaller>(rows, depth, a, b, b_stride, c, last);
    }
  }
}

/// The whole of a product whose B is not packed. kRowsOfTwo and kRowsOfOne: rows of a tile of two
/// vectors and of one.
template <class Type,
          int kLanes,
          int kRowsOfTwo = kTileRows<kLanes, 2>,
          int kRowsOfOne = kTileRows<kLanes, 1>>
FF_INLINE void gemm_block(int64_t rows,
                          int64_t columns,
                          int64_t depth,
                          const Factor<Type>& a,
                          const typename Type::Element* b,
                          int64_t b_stride,
                          const Output& c) {
  for (int64_t column = 0; column < columns; column += 2 * kLanes) {
    const int64_t left = columns - column;
    const Output out = {c.data + column, c.stride, c.alpha, c.add};
    if (left > kLanes) {
      const int64_t last = left < 2 * kLanes ? left - kLanes : kLanes;
      gemm_strip<Type, kLanes, 2, kRowsOfTwo>(rows, depth, a, b + column, b_stride, out, last);
    } else {
      gemm_strip<Type, kLanes, 1, kRowsOfOne>(rows, depth, a, b + column, b_stride, out, left);
    }
  }
}

}  // namespace ff::engine::fused
