// SPDX-License-Identifier: MIT
// Causal attention, forward and backward, one (row, head) at a time, in blocks of queries. Scores
// are kept transposed, [key][query], so that the softmax over keys runs down the vector lanes and
// needs no horizontal sums. Keys after the last query of a vector are never visited: about half of
// the square.
#include "blocks.h"
#include "buffer.h"
#include "gemm.h"
#include "kernels.h"

#include <algorithm>
#include <limits>

namespace ff::engine::fused {
namespace {

/// Buffers of one (row, head), reused for all of them. Padding stays zero.
struct Workspace {
  int64_t seq_len = 0, head_size = 0, lanes = 0;
  int64_t queries = 0;       ///< seq_len in whole vectors
  int64_t stride = 0;        ///< between rows of [head][query]
  int64_t head = 0;          ///< head size in whole vectors
  Buffer q, q_t;             ///< [query][head] and [head][query]: rotated, times logit_scale
  Buffer k, v;               ///< [key][head]; k rotated
  Buffer g, g_t;             ///< the result's gradient times grad_scale, both ways
  Buffer out, dk, dv;        ///< [query or key][head]
  Buffer weights, d_scores;  ///< [key][query of the block]
};

/// This thread's, made anew when the shape changes.
Workspace& workspace(const Attention& s, int64_t lanes) {
  static thread_local Workspace w;
  if (w.seq_len == s.seq_len && w.head_size == s.head && w.lanes == lanes) {
    return w;
  }
  w = {.seq_len = s.seq_len,
       .head_size = s.head,
       .lanes = lanes,
       .queries = round_up(s.seq_len, lanes),
       .stride = padded(s.seq_len),
       .head = round_up(s.head, lanes)};
  for (Buffer* buffer : {&w.q, &w.k, &w.v, &w.g, &w.out, &w.dk, &w.dv}) {
    buffer->resize(size(w.queries * w.head));
  }
  w.q_t.resize(size(w.stride * w.head));
  w.g_t.resize(size(w.stride * w.head));
  w.weights.resize(size(s.seq_len * padded(std::min(s.seq_len, kQueryBlock))));
  w.d_scores.resize(w.weights.size());
  return w;
}

/// A block of queries.
struct Block {
  int64_t first, end;  ///< of the queries; they see keys [0, end)
  int64_t width;       ///< in whole vectors
  int64_t stride;      ///< between rows of the scores
};

template <class Body>
FF_INLINE void for_each_block(const Attention& s, int64_t lanes, Body&& body) {
  for (int64_t first = 0; first < s.seq_len; first += kQueryBlock) {
    const int64_t end = std::min(first + kQueryBlock, s.seq_len);
    body(Block{first, end, round_up(end - first, lanes), padded(end - first)});
  }
}

FF_INLINE bool keeps_weights(const Attention& s) {
  return s.seq_len <= kQueryBlock;
}

/// Where row t's q, k or v of one head starts in qkv (part 0, 1, 2).
FF_INLINE int64_t offset_of(const Attention& s, int64_t row, int64_t part, int64_t h) {
  return (row * 3 + part) * s.num_heads * s.head + h * s.head;
}

/// w's [query][head] to [head][query], padding included, in squares of four.
FF_INLINE void transpose(const Workspace& w, const float* from, float* to) {
  using Four = Floats<4>;
  for (int64_t t = 0; t < w.queries; t += 4) {
    for (int64_t i = 0; i < w.head; i += 4) {
      Four row[4];
      unroll<4>([&](auto r) FF_INLINE_LAMBDA { load(from + (t + r) * w.head + i, row[r]); });
      const Four a = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
      const Four b = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
      const Four c = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
      const Four d = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
      float* out = to + i * w.stride + t;
      store(out, __builtin_shufflevector(a, b, 0, 1, 4, 5));
      store(out + w.stride, __builtin_shufflevector(a, b, 2, 3, 6, 7));
      store(out + 2 * w.stride, __builtin_shufflevector(c, d, 0, 1, 4, 5));
      store(out + 3 * w.stride, __builtin_shufflevector(c, d, 2, 3, 6, 7));
    }
  }
}

/// One head of one position turned by its angles, or back with a negative `direction`; times
/// `scale`.
template <int kWidth>
FF_INLINE void rotate_by(int64_t half,
                         const float* cos,
                         const float* sin,
                         float direction,
                         float scale,
                         const float* from,
                         float* to) {
  for (int64_t i = 0; i < half; i += kWidth) {
    Floats<kWidth> c, s, first, second;
    load(cos + i, c);
    load(sin + i, s);
    load(from + i, first);
    load(from + i + half, second);
    s *= direction;
    store(to + i, (first * c - second * s) * scale);
    store(to + i + half, (first * s + second * c) * scale);
  }
}
FF_INLINE void rotate(
    const Attention& s, int64_t t, float direction, float scale, const float* from, float* to) {
  const int64_t half = s.head / 2;
  const float* cos = s.cos + t * half;
  const float* sin = s.sin + t * half;
  if (half % 8 == 0) {
    rotate_by<8>(half, cos, sin, direction, scale, from, to);
  } else if (half % 4 == 0) {
    rotate_by<4>(half, cos, sin, direction, scale, from, to);
  } else {
    rotate_by<1>(half, cos, sin, direction, scale, from, to);
  }
  if (s.head % 2 != 0) {  // without rotation only: then cos is 1 and sin 0
    to[s.head - 1] = from[s.head - 1] * scale;
  }
}

/// scale * a row of one head.
FF_INLINE void copy_row(int64_t count, float scale, const float* from, float* to) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    Floats<4> some;
    load(from + i, some);
    store(to + i, some * scale);
  }
  for (; i < count; ++i) {
    to[i] = from[i] * scale;
  }
}

FF_INLINE void load_head(const Attention& s, const float* qkv, int64_t b, int64_t h, Workspace& w) {
  for (int64_t t = 0; t < s.seq_len; ++t) {
    const int64_t row = b * s.seq_len + t;
    const int64_t at = t * w.head;
    rotate(s, t, 1.0F, s.logit_scale, qkv + offset_of(s, row, 0, h), &w.q[size(at)]);
    rotate(s, t, 1.0F, 1.0F, qkv + offset_of(s, row, 1, h), &w.k[size(at)]);
    copy_row(s.head, 1.0F, qkv + offset_of(s, row, 2, h), &w.v[size(at)]);
  }
  transpose(w, w.q.data(), w.q_t.data());
}

template <int kLanes>
FF_INLINE void multiply(int64_t rows,
                        int64_t columns,
                        int64_t depth,
                        const Factor<Float32>& a,
                        const float* b,
                        int64_t b_stride,
                        const Output& c) {
  // Rows come in whole vectors, so tiles of half a vector leave no rest.
  gemm_block<Float32, kLanes, kLanes / 2, kLanes>(rows, columns, depth, a, b, b_stride, c);
}

/// into[key][query] = sum_c keys[key][c] by_head[c][query], for queries from the key's vector on.
template <int kLanes>
FF_INLINE void score_products(const Attention& s,
                              const Workspace& w,
                              const Block& block,
                              const float* keys,
                              const float* by_head,
                              float* into) {
  for (int64_t j = 0; j < block.end; j += kLanes) {
    const int64_t skip = std::max<int64_t>(0, j - block.first);
    multiply<kLanes>(std::min<int64_t>(kLanes, block.end - j),
                     block.width - skip,
                     s.head,
                     {keys + j * w.head, w.head, 1},
                     by_head + block.first + skip,
                     w.stride,
                     {into + j * block.stride + skip, block.stride, 1.0F, false});
  }
}

/// Keys that the vector of queries at `offset` of the block sees.
FF_INLINE int64_t keys_of(const Block& block, int64_t offset, int64_t lanes) {
  return std::min(block.first + offset + lanes, block.end);
}

/// Scores to softmax weights in place, 0 for the keys that a query must not see.
template <int kLanes>
FF_INLINE void softmax(const Block& block, float* p) {
  using V = Floats<kLanes>;
  Ints<kLanes> lane;
  for (int i = 0; i < kLanes; ++i) {
    lane[i] = i;
  }
  for (int64_t offset = 0; offset < block.width; offset += kLanes) {
    const int64_t keys = keys_of(block, offset, kLanes);
    float* column = p + offset;
    V top = splat<V>(-std::numeric_limits<float>::infinity());
    for (int64_t j = 0; j < keys; ++j) {
      V score;
      load(column + j * block.stride, score);
      if (j > block.first + offset) {
        const auto hidden = static_cast<int32_t>(j - block.first - offset);
        score = lane < hidden ? splat<V>(-1e30F) : score;
        store(column + j * block.stride, score);
      }
      top = score > top ? score : top;
    }
    V total = splat<V>(0.0F);
    for (int64_t j = 0; j < keys; ++j) {
      V score;
      load(column + j * block.stride, score);
      V e = exp_of<kLanes, false>(score - top);
      // exp_of bottoms out at 1e-38; a hidden key must weigh exactly nothing.
      e = score < -1e29F ? splat<V>(0.0F) : e;
      total += e;
      store(column + j * block.stride, e);
    }
    const V inverse = 1.0F / total;
    for (int64_t j = 0; j < keys; ++j) {
      V e;
      load(column + j * block.stride, e);
      e *= inverse;
      store(column + j * block.stride, e);
    }
  }
}

/// out[query][c] = alpha sum over the keys seen of p[key][query] values[key][c].
template <int kLanes>
FF_INLINE void sum_over_keys(const Workspace& w,
                             const Block& block,
                             const float* p,
                             const float* values,
                             float alpha,
                             float* out) {
  for (int64_t offset = 0; offset < block.width; offset += kLanes) {
    multiply<kLanes>(kLanes,
                     w.head,
                     keys_of(block, offset, kLanes),
                     {p + offset, 1, block.stride},
                     values,
                     w.head,
                     {out + (block.first + offset) * w.head, w.head, alpha, false});
  }
}

/// out[key][c] += sum over the block's queries that see the key of p[key][query] values[query][c];
/// the first block that sees a key sets it.
template <int kLanes>
FF_INLINE void sum_over_queries(
    const Workspace& w, const Block& block, const float* p, const float* values, float* out) {
  for (int64_t j = 0; j < block.end; j += kLanes) {
    const int64_t skip = std::max<int64_t>(0, j - block.first);
    multiply<kLanes>(std::min<int64_t>(kLanes, block.end - j),
                     w.head,
                     block.end - block.first - skip,
                     {p + j * block.stride + skip, block.stride, 1},
                     values + (block.first + skip) * w.head,
                     w.head,
                     {out + j * w.head, w.head, 1.0F, j < block.first});
  }
}

template <int kLanes>
FF_INLINE void forward_body(const Attention& s, const float* qkv, float* weights, float* out) {
  const int64_t d = s.num_heads * s.head;
  Workspace& w = workspace(s, kLanes);
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t h = 0; h < s.num_heads; ++h) {
      load_head(s, qkv, b, h, w);
      for_each_block(s, kLanes, [&](const Block& block) FF_INLINE_LAMBDA {
        float* p = keeps_weights(s) ? weights + (b * s.num_heads + h) * s.seq_len * w.stride
                                    : w.weights.data();
        score_products<kLanes>(s, w, block, w.k.data(), w.q_t.data(), p);
        softmax<kLanes>(block, p);
        sum_over_keys<kLanes>(w, block, p, w.v.data(), s.output_scale, w.out.data());
      });
      for (int64_t t = 0; t < s.seq_len; ++t) {
        copy_row(
            s.head, 1.0F, &w.out[size(t * w.head)], out + (b * s.seq_len + t) * d + h * s.head);
      }
    }
  }
}

/// Writes the gradients of q or k (`part` 0, 1) back in the unrotated frame.
FF_INLINE void store_unrotated(const Attention& s,
                               const Workspace& w,
                               const float* from,
                               int64_t b,
                               int64_t h,
                               int64_t part,
                               float* dqkv) {
  for (int64_t t = 0; t < s.seq_len; ++t) {
    float* to = dqkv + offset_of(s, b * s.seq_len + t, part, h);
    rotate(s, t, -1.0F, 1.0F, from + t * w.head, to);
  }
}

/// Through the softmax, in place: ds = p (dp - sum_j p dp).
template <int kLanes>
FF_INLINE void softmax_backward(const Block& block, const float* p, float* ds) {
  using V = Floats<kLanes>;
  for (int64_t offset = 0; offset < block.width; offset += kLanes) {
    const int64_t keys = keys_of(block, offset, kLanes);
    V mean = splat<V>(0.0F);
    for (int64_t j = 0; j < keys; ++j) {
      V weight;
      V grad;
      load(p + j * block.stride + offset, weight);
      load(ds + j * block.stride + offset, grad);
      mean += weight * grad;
    }
    for (int64_t j = 0; j < keys; ++j) {
      V weight;
      V grad;
      load(p + j * block.stride + offset, weight);
      load(ds + j * block.stride + offset, grad);
      grad = weight * (grad - mean);
      store(ds + j * block.stride + offset, grad);
    }
  }
}

template <int kLanes>
FF_INLINE void backward_body(
    const Attention& s, const float* qkv, const float* weights, const float* dout, float* dqkv) {
  const int64_t d = s.num_heads * s.head;
  Workspace& w = workspace(s, kLanes);
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t h = 0; h < s.num_heads; ++h) {
      load_head(s, qkv, b, h, w);
      for (int64_t t = 0; t < s.seq_len; ++t) {
        const float* row = dout + (b * s.seq_len + t) * d + h * s.head;
        copy_row(s.head, s.grad_scale, row, &w.g[size(t * w.head)]);
      }
      transpose(w, w.g.data(), w.g_t.data());
      for_each_block(s, kLanes, [&](const Block& block) FF_INLINE_LAMBDA {
        const float* p = w.weights.data();
        if (keeps_weights(s)) {
          p = weights + (b * s.num_heads + h) * s.seq_len * w.stride;
        } else {
          score_products<kLanes>(s, w, block, w.k.data(), w.q_t.data(), w.weights.data());
          softmax<kLanes>(block, w.weights.data());
        }
        float* ds = w.d_scores.data();
        score_products<kLanes>(s, w, block, w.v.data(), w.g_t.data(), ds);
        softmax_backward<kLanes>(block, p, ds);
        sum_over_keys<kLanes>(w, block, ds, w.k.data(), s.logit_scale, w.out.data());
        // q carries logit_scale already.
        sum_over_queries<kLanes>(w, block, ds, w.q.data(), w.dk.data());
        sum_over_queries<kLanes>(w, block, p, w.g.data(), w.dv.data());
      });
      store_unrotated(s, w, w.out.data(), b, h, 0, dqkv);
      store_unrotated(s, w, w.dk.data(), b, h, 1, dqkv);
      for (int64_t t = 0; t < s.seq_len; ++t) {
        copy_row(
            s.head, 1.0F, &w.dv[size(t * w.head)], dqkv + offset_of(s, b * s.seq_len + t, 2, h));
      }
    }
  }
}

FF_DISPATCH(forward,
            (const Attention& s, const float* qkv, float* weights, float* out),
            (s, qkv, weights, out),
            forward_body<kLanes>(s, qkv, weights, out))
FF_DISPATCH(
    backward,
    (const Attention& s, const float* qkv, const float* weights, const float* dout, float* dqkv),
    (s, qkv, weights, dout, dqkv),
    backward_body<kLanes>(s, qkv, weights, dout, dqkv))

}  // namespace

void attention_forward(const Attention& s, const float* qkv, float* weights, float* out) {
  forward_best(s, qkv, weights, out);
}

void attention_backward(
    const Attention& s, const float* qkv, const float* weights, const float* dout, float* dqkv) {
  backward_best(s, qkv, weights, dout, dqkv);
}

}  // namespace ff::engine::fused
