// SPDX-License-Identifier: MIT
// The three products of a linear layer, blocked so that what the tiles read again stays in cache.
#include "blocks.h"
#include "buffer.h"
#include "gemm.h"
#include "kernels.h"

#include <algorithm>
#include <vector>

namespace ff::engine::fused {
namespace {

/// A panel of this depth fills half of a 32 KB first-level cache; deeper sums are taken in parts.
constexpr int64_t kDepth = 256;

/// Rows of A taken together, in whole tiles: enough to use a panel often while it is in that cache.
int64_t rows_per_block(int64_t depth) {
  return std::max<int64_t>(48, 4096 / depth / 12 * 12);
}

/// Rounded to nearest, ties to even, in the upper half of a float's bits.
FF_INLINE uint32_t to_bf16(float x) {
  const auto exact = bits<uint32_t>(x);
  return (exact + 0x7fffU + ((exact >> 16) & 1U)) >> 16;
}
FF_INLINE uint32_t pair_of(float first, float second) {
  return to_bf16(first) | to_bf16(second) << 16;
}

/// Copies a matrix of `depth` x `columns`, element (k, n) at k * k_stride + n * n_stride, into
/// panels of two vectors (the last one may be one vector wide) that gemm_tile reads from front to
/// back. Columns are filled up with zeros, and so is the second of an odd last pair.
template <class Type, int kLanes>
void pack_panels(const float* from,
                 int64_t depth,
                 int64_t columns,
                 int64_t k_stride,
                 int64_t n_stride,
                 typename Type::Element* out) {
  constexpr int64_t kStep = std::is_same_v<Type, Float32> ? 1 : 2;
  for (int64_t first = 0; first < columns; first += 2 * kLanes) {
    const int64_t width = std::min<int64_t>(2 * kLanes, round_up(columns - first, kLanes));
    for (int64_t k = 0; k < depth; k += kStep) {
      for (int64_t n = first; n < first + width; ++n) {
        const float* at = from + k * k_stride + n * n_stride;
        const float x = n < columns ? *at : 0.0F;
        if constexpr (kStep == 1) {
          *out++ = x;
        } else {
          *out++ = pair_of(x, n < columns && k + 1 < depth ? at[k_stride] : 0.0F);
        }
      }
    }
  }
}

/// C = alpha A B for `depth` elements of A (floats, or pairs) and packed B.
template <class Type, int kLanes>
FF_INLINE void multiply_packed(int64_t rows,
                               int64_t columns,
                               int64_t depth,
                               const typename Type::Element* a,
                               const typename Type::Element* panels,
                               const Output& c) {
  for (int64_t k = 0; k < depth; k += kDepth) {
    const int64_t part = std::min(kDepth, depth - k);
    const int64_t block = rows_per_block(part);
    for (int64_t first = 0; first < rows; first += block) {
      const int64_t count = std::min(block, rows - first);
      const Factor<Type> factor{a + first * depth + k, depth, 1};
      for (int64_t column = 0; column < columns; column += 2 * kLanes) {
        const int64_t left = columns - column;
        const int64_t width = left > kLanes ? 2 * kLanes : kLanes;
        const typename Type::Element* panel = panels + column * depth + k * width;
        const Output out = {c.data + first * c.stride + column, c.stride, c.alpha, c.add || k > 0};
        if (left > kLanes) {
          const int64_t last = std::min<int64_t>(left - kLanes, kLanes);
          gemm_strip<Type, kLanes, 2>(count, part, factor, panel, width, out, last);
        } else {
          gemm_strip<Type, kLanes, 1>(count, part, factor, panel, width, out, left);
        }
      }
    }
  }
}

/// Room for converted factors, kept from call to call.
uint32_t* scratch(size_t which, int64_t count) {
  using Words = std::vector<uint32_t, CacheLineAllocator<uint32_t>>;
  static thread_local Words buffers[4];
  Words& buffer = buffers[which];
  if (buffer.size() < static_cast<size_t>(count)) {
    buffer.resize(static_cast<size_t>(count));
  }
  return buffer.data();
}

/// Rows [rows][depth] as pairs along the depth.
FF_INLINE void pair_along_rows(int64_t rows, int64_t depth, const float* from, uint32_t* to) {
  for (int64_t r = 0; r < rows; ++r, from += depth) {
    for (int64_t k = 0; k + 1 < depth; k += 2) {
      *to++ = pair_of(from[k], from[k + 1]);
    }
    if (depth % 2 != 0) {
      *to++ = pair_of(from[depth - 1], 0.0F);
    }
  }
}

/// Rows [rows][columns] as pairs of a row with the next: [rows / 2][columns].
FF_INLINE void pair_across_rows(int64_t rows, int64_t columns, const float* from, uint32_t* to) {
  for (int64_t r = 0; r < rows; r += 2, from += 2 * columns) {
    const bool both = r + 1 < rows;
    for (int64_t n = 0; n < columns; ++n) {
      *to++ = pair_of(from[n], both ? from[columns + n] : 0.0F);
    }
  }
}

template <class Type, int kLanes>
FF_INLINE void product_body(int64_t rows,
                            int64_t columns,
                            int64_t depth,
                            const float* a,
                            const void* panels,
                            const Output& c) {
  const auto* b = static_cast<const typename Type::Element*>(panels);
  if constexpr (std::is_same_v<Type, Float32>) {
    multiply_packed<Type, kLanes>(rows, columns, depth, a, b, c);
  } else {
    const int64_t pairs = (depth + 1) / 2;
    uint32_t* converted = scratch(0, rows * pairs);
    pair_along_rows(rows, depth, a, converted);
    multiply_packed<Type, kLanes>(rows, columns, pairs, converted, b, c);
  }
}

/// Columns [0, columns) of rows that are `stride` apart, as panels of `width` columns. Copies whole
/// vectors: reads and writes up to one past the end.
template <int kLanes>
FF_INLINE void pack_columns(
    int64_t rows, int64_t columns, const void* from, int64_t stride, int64_t width, uint32_t* to) {
  const auto* in = static_cast<const uint32_t*>(from);
  for (int64_t first = 0; first < columns; first += width) {
    for (int64_t r = 0; r < rows; ++r, to += width) {
      for (int64_t n = 0; n < width; n += kLanes) {
        Ints<kLanes> some;
        load(in + r * stride + first + n, some);
        store(to + n, some);
      }
    }
  }
}

/// dw (+)= left^T right over `depth` rows, both copied into panels first: a column of a wide matrix
/// falls on few lines of the first-level cache, and dw passes by once instead of every 64 rows.
template <class Type, int kLanes>
FF_INLINE void weight_gradient_packed(int64_t depth,
                                      int64_t fan_out,
                                      int64_t fan_in,
                                      const typename Type::Element* left,
                                      const typename Type::Element* right,
                                      const Output& dw) {
  using Element = typename Type::Element;
  constexpr int64_t kRows = kTileRows<kLanes, 2>;
  constexpr int64_t kColumns = 96;  // of the left factor at once: 100 KB of the second-level cache
  constexpr int64_t kPanel = 2 * kLanes;
  uint32_t* left_panels = scratch(2, depth * kColumns + kMaxLanes);
  uint32_t* right_panels = scratch(3, depth * round_up(fan_in, kPanel));
  const auto* a = bits<const Element*>(left_panels);
  const auto* b = bits<const Element*>(right_panels);
  pack_columns<kLanes>(depth, fan_in, right, fan_in, kPanel, right_panels);
  for (int64_t first = 0; first < fan_out; first += kColumns) {
    const int64_t count = std::min(kColumns, fan_out - first);
    pack_columns<kLanes>(depth, count, left + first, fan_out, kRows, left_panels);
    for (int64_t column = 0; column < fan_in; column += kPanel) {
      for (int64_t n = 0; n < count; n += kRows) {
        float* out = dw.data + (first + n) * dw.stride + column;
        gemm_block<Type, kLanes>(std::min(kRows, count - n),
                                 std::min(kPanel, fan_in - column),
                                 depth,
                                 {a + n * depth, 1, kRows},
                                 b + column * depth,
                                 kPanel,
                                 {out, dw.stride, dw.alpha, dw.add});
      }
    }
  }
}

/// dw[n][k] = sum over rows of dy[row][n] x[row][k], in chunks of rows that stay in cache.
template <class Type, int kLanes>
FF_INLINE void weight_gradient_body(
    int64_t rows, int64_t fan_out, int64_t fan_in, const float* dy, const float* x, Output dw) {
  constexpr int64_t kSmall = 64 * 64;  // dw fits the first-level cache, and so do rows of dy and x
  const bool packed = fan_in * fan_out > kSmall;
  const int64_t chunk = packed ? 256 : 64;
  for (int64_t first = 0; first < rows; first += chunk) {
    const int64_t count = std::min(chunk, rows - first);
    const float* dy_rows = dy + first * fan_out;
    const float* x_rows = x + first * fan_in;
    if constexpr (std::is_same_v<Type, Float32>) {
      if (packed) {
        weight_gradient_packed<Type, kLanes>(count, fan_out, fan_in, dy_rows, x_rows, dw);
      } else {
        gemm_block<Type, kLanes>(fan_out, fan_in, count, {dy_rows, 1, fan_out}, x_rows, fan_in, dw);
      }
    } else {
      const int64_t pairs = (count + 1) / 2;
      uint32_t* left = scratch(0, pairs * fan_out + kMaxLanes);
      uint32_t* right = scratch(1, pairs * fan_in + 2 * kMaxLanes);
      pair_across_rows(count, fan_out, dy_rows, left);
      pair_across_rows(count, fan_in, x_rows, right);
      weight_gradient_packed<Type, kLanes>(pairs, fan_out, fan_in, left, right, dw);
    }
    dw.add = true;
  }
}

#define FF_PRODUCT_PARAMETERS \
  (int64_t rows,              \
   int64_t columns,           \
   int64_t depth,             \
   const float* a,            \
   const void* panels,        \
   const Output& c)
#define FF_PRODUCT_ARGUMENTS (rows, columns, depth, a, panels, c)
#define FF_GRADIENT_PARAMETERS \
  (int64_t rows, int64_t fan_out, int64_t fan_in, const float* dy, const float* x, const Output& dw)
#define FF_GRADIENT_ARGUMENTS (rows, fan_out, fan_in, dy, x, dw)

FF_DISPATCH(product,
            FF_PRODUCT_PARAMETERS,
            FF_PRODUCT_ARGUMENTS,
            (product_body<Float32, kLanes>)FF_PRODUCT_ARGUMENTS)
FF_DISPATCH(product_of_pairs,
            FF_PRODUCT_PARAMETERS,
            FF_PRODUCT_ARGUMENTS,
            (product_body<WidenedPair, kLanes>)FF_PRODUCT_ARGUMENTS)
FF_DISPATCH(weight_gradient,
            FF_GRADIENT_PARAMETERS,
            FF_GRADIENT_ARGUMENTS,
            (weight_gradient_body<Float32, kLanes>)FF_GRADIENT_ARGUMENTS)
FF_DISPATCH(weight_gradient_of_pairs,
            FF_GRADIENT_PARAMETERS,
            FF_GRADIENT_ARGUMENTS,
            (weight_gradient_body<WidenedPair, kLanes>)FF_GRADIENT_ARGUMENTS)

#if defined(FF_DOT_PAIRS)
FF_AVX512 void product_dot FF_PRODUCT_PARAMETERS {
  (product_body<DotPair, 16>)FF_PRODUCT_ARGUMENTS;
}
FF_AVX512 void weight_gradient_dot FF_GRADIENT_PARAMETERS {
  (weight_gradient_body<DotPair, 16>)FF_GRADIENT_ARGUMENTS;
}
#endif

FF_DISPATCH(pack_floats,
            (const float* from,
             int64_t depth,
             int64_t columns,
             int64_t k_stride,
             int64_t n_stride,
             void* out),
            (from, depth, columns, k_stride, n_stride, out),
            (pack_panels<Float32, kLanes>)(from,
                                           depth,
                                           columns,
                                           k_stride,
                                           n_stride,
                                           static_cast<float*>(out)))
FF_DISPATCH(pack_pairs,
            (const float* from,
             int64_t depth,
             int64_t columns,
             int64_t k_stride,
             int64_t n_stride,
             void* out),
            (from, depth, columns, k_stride, n_stride, out),
            (pack_panels<WidenedPair, kLanes>)(from,
                                               depth,
                                               columns,
                                               k_stride,
                                               n_stride,
                                               static_cast<uint32_t*>(out)))

}  // namespace

int64_t panels_bytes(Precision precision, int64_t fan_out, int64_t fan_in) {
  const auto size = [&](int64_t columns, int64_t depth) {
    return round_up(columns, kMaxLanes) *
           (precision == Precision::kFloat32 ? depth : (depth + 1) / 2);
  };
  constexpr int64_t kElement = 4;  // a float or a pair
  return kElement * std::max(size(fan_out, fan_in), size(fan_in, fan_out));
}

void pack_weight(Precision precision,
                 Pass pass,
                 int64_t fan_out,
                 int64_t fan_in,
                 const float* weight,
                 void* panels) {
  const bool forward = pass == Pass::kForward;
  const int64_t depth = forward ? fan_in : fan_out;
  const int64_t columns = forward ? fan_out : fan_in;
  const int64_t k_stride = forward ? 1 : fan_in;
  const int64_t n_stride = forward ? fan_in : 1;
  const auto pack = precision == Precision::kFloat32 ? &pack_floats_best : &pack_pairs_best;
  pack(weight, depth, columns, k_stride, n_stride, panels);
}

void packed_product(Precision precision,
                    Pass pass,
                    int64_t rows,
                    int64_t fan_out,
                    int64_t fan_in,
                    const float* a,
                    const void* panels,
                    float scale,
                    bool add,
                    float* c) {
  const bool forward = pass == Pass::kForward;
  const int64_t columns = forward ? fan_out : fan_in;
  const int64_t depth = forward ? fan_in : fan_out;
  const Output out{c, columns, scale, add};
  if (precision == Precision::kFloat32) {
    product_best(rows, columns, depth, a, panels, out);
    return;
  }
#if defined(FF_DOT_PAIRS)
  if (has_bf16_products()) {
    product_dot(rows, columns, depth, a, panels, out);
    return;
  }
#endif
  product_of_pairs_best(rows, columns, depth, a, panels, out);
}

void linear_grad_weight(Precision precision,
                        int64_t rows,
                        int64_t fan_out,
                        int64_t fan_in,
                        const float* dy,
                        const float* x,
                        float scale,
                        bool add,
                        float* dw) {
  const Output out{dw, fan_in, scale, add};
  if (precision == Precision::kFloat32) {
    weight_gradient_best(rows, fan_out, fan_in, dy, x, out);
    return;
  }
#if defined(FF_DOT_PAIRS)
  if (has_bf16_products()) {
    weight_gradient_dot(rows, fan_out, fan_in, dy, x, out);
    return;
  }
#endif
  weight_gradient_of_pairs_best(rows, fan_out, fan_in, dy, x, out);
}

}  // namespace ff::engine::fused
