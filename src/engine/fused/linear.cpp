// SPDX-License-Identifier: MIT
// The three products of a linear layer, blocked so that what the tiles read again stays in cache.
#include "gemm.h"
#include "kernels.h"

#include <algorithm>

namespace ff::engine::fused {
namespace {

constexpr int64_t kPanel = 2 * kLanes;  ///< columns of a packed panel; the last one may be 8 wide

/// A panel of this depth fills half of a 32 KB first-level cache; deeper sums are taken in parts.
constexpr int64_t kDepth = 256;

/// Rows of A taken together, in whole tiles: enough to use a panel often while it is in that cache.
int64_t rows_per_block(int64_t depth) {
  return std::max<int64_t>(48, 4096 / depth / 6 * 6);
}

/// Copies a matrix of `depth` x `columns`, element (k, n) at k * k_stride + n * n_stride, into
/// panels that gemm_tile reads from front to back.
void pack_panels(const float* from,
                 int64_t depth,
                 int64_t columns,
                 int64_t k_stride,
                 int64_t n_stride,
                 float* out) {
  for (int64_t first = 0; first < columns; first += kPanel) {
    const int64_t width = std::min(kPanel, columns - first);
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t n = first; n < first + width; ++n) {
        *out++ = from[k * k_stride + n * n_stride];
      }
    }
  }
}

FF_INLINE void product_body(int64_t rows,
                            int64_t columns,
                            int64_t depth,
                            const float* a,
                            const float* panels,
                            float alpha,
                            bool add,
                            float* c) {
  for (int64_t k = 0; k < depth; k += kDepth) {
    const int64_t part = std::min(kDepth, depth - k);
    const bool adds = add || k > 0;
    const int64_t block = rows_per_block(part);
    for (int64_t first = 0; first < rows; first += block) {
      const int64_t count = std::min(block, rows - first);
      const Factor factor{a + first * depth + k, depth, 1};
      float* out = c + first * columns;
      for (int64_t column = 0; column < columns; column += kPanel) {
        const int64_t width = std::min(kPanel, columns - column);
        const float* panel = panels + column * depth + k * width;
        if (width == kPanel) {
          gemm_strip<2>(count, part, factor, panel, width, alpha, adds, out + column, columns);
        } else {
          gemm_strip<1>(count, part, factor, panel, width, alpha, adds, out + column, columns);
        }
      }
    }
  }
}

FF_INLINE void weight_gradient_body(int64_t rows,
                                    int64_t fan_out,
                                    int64_t fan_in,
                                    const float* dy,
                                    const float* x,
                                    float scale,
                                    bool add,
                                    float* dw) {
  // dw[n][k] = sum over rows of dy[row][n] x[row][k], in chunks of rows that stay in cache.
  constexpr int64_t kChunk = 64;
  for (int64_t first = 0; first < rows; first += kChunk) {
    const int64_t count = std::min(kChunk, rows - first);
    const Factor factor{dy + first * fan_out, 1, fan_out};
    gemm_block(fan_out,
               fan_in,
               count,
               factor,
               x + first * fan_in,
               fan_in,
               scale,
               add || first > 0,
               dw,
               fan_in);
  }
}

FF_DISPATCH(packed,
            (int64_t rows,
             int64_t columns,
             int64_t depth,
             const float* a,
             const float* panels,
             float alpha,
             bool add,
             float* c),
            product_body(rows, columns, depth, a, panels, alpha, add, c))
FF_DISPATCH(weight_gradient,
            (int64_t rows,
             int64_t fan_out,
             int64_t fan_in,
             const float* dy,
             const float* x,
             float scale,
             bool add,
             float* dw),
            weight_gradient_body(rows, fan_out, fan_in, dy, x, scale, add, dw))

}  // namespace

bool linear_serves(int64_t fan_out, int64_t fan_in) {
  return fan_out % kLanes == 0 && fan_in % kLanes == 0 && fan_in <= kMaxFanIn &&
         fan_out <= kMaxFanOut;
}

void pack_weight(Pass pass, int64_t fan_out, int64_t fan_in, const float* weight, float* panels) {
  if (pass == Pass::kForward) {
    pack_panels(weight, fan_in, fan_out, 1, fan_in, panels);
  } else {
    pack_panels(weight, fan_out, fan_in, fan_in, 1, panels);
  }
}

void packed_product(Pass pass,
                    int64_t rows,
                    int64_t fan_out,
                    int64_t fan_in,
                    const float* a,
                    const float* panels,
                    float scale,
                    bool add,
                    float* c) {
  const bool forward = pass == Pass::kForward;
  packed_best(
      rows, forward ? fan_out : fan_in, forward ? fan_in : fan_out, a, panels, scale, add, c);
}

void linear_grad_weight(int64_t rows,
                        int64_t fan_out,
                        int64_t fan_in,
                        const float* dy,
                        const float* x,
                        float scale,
                        bool add,
                        float* dw) {
  weight_gradient_best(rows, fan_out, fan_in, dy, x, scale, add, dw);
}

}  // namespace ff::engine::fused
