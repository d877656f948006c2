// SPDX-License-Identifier: MIT
#pragma once
// C = alpha A B (+ C) in register tiles, for products that are too thin for a BLAS: at width 32 a
// BLAS spends 40% of its time packing. A is read one number at a time through two strides, so it
// may be transposed; rows of B and C are contiguous, and their width is a multiple of eight.
#include "simd.h"

namespace ff::engine::fused {

struct Factor {
  const float* data;
  int64_t row;    ///< stride between rows of C
  int64_t depth;  ///< stride along the sum
};

/// One tile of kRows x (8 kVectors), held in registers over the whole sum.
template <int kRows, int kVectors>
FF_INLINE void gemm_tile(int64_t depth,
                         const Factor& a,
                         const float* b,
                         int64_t b_stride,
                         float alpha,
                         bool add,
                         float* c,
                         int64_t c_stride) {
  Floats sums[kRows][kVectors] = {};
  for (int64_t k = 0; k < depth; ++k) {
    Floats row[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      load(b + k * b_stride + v * kLanes, row[v]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const float factor = a.data[r * a.row + k * a.depth];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] += factor * row[v];
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      float* out = c + r * c_stride + v * kLanes;
      Floats result = sums[r][v] * alpha;
      if (add) {
        Floats old;
        load(out, old);
        result += old;
      }
      store(out, result);
    }
  }
}

/// All rows of a strip of 8 kVectors columns: six at a time, as many accumulators as there are
/// registers for, then what is left.
template <int kVectors>
FF_INLINE void gemm_strip(int64_t rows,
                          int64_t depth,
                          Factor a,
                          const float* b,
                          int64_t b_stride,
                          float alpha,
                          bool add,
                          float* c,
                          int64_t c_stride) {
  constexpr int kRows = 6;
  for (; rows >= kRows; rows -= kRows, a.data += kRows * a.row, c += kRows * c_stride) {
    gemm_tile<kRows, kVectors>(depth, a, b, b_stride, alpha, add, c, c_stride);
  }
  if (rows >= 4) {
    gemm_tile<4, kVectors>(depth, a, b, b_stride, alpha, add, c, c_stride);
    a.data += 4 * a.row;
    c += 4 * c_stride;
    rows -= 4;
  }
  if (rows >= 2) {
    gemm_tile<2, kVectors>(depth, a, b, b_stride, alpha, add, c, c_stride);
    a.data += 2 * a.row;
    c += 2 * c_stride;
    rows -= 2;
  }
  if (rows == 1) {
    gemm_tile<1, kVectors>(depth, a, b, b_stride, alpha, add, c, c_stride);
  }
}

/// The whole of a small product.
FF_INLINE void gemm_block(int64_t rows,
                          int64_t columns,
                          int64_t depth,
                          const Factor& a,
                          const float* b,
                          int64_t b_stride,
                          float alpha,
                          bool add,
                          float* c,
                          int64_t c_stride) {
  int64_t column = 0;
  for (; column + 2 * kLanes <= columns; column += 2 * kLanes) {
    gemm_strip<2>(rows, depth, a, b + column, b_stride, alpha, add, c + column, c_stride);
  }
  if (column < columns) {
    gemm_strip<1>(rows, depth, a, b + column, b_stride, alpha, add, c + column, c_stride);
  }
}

}  // namespace ff::engine::fused
