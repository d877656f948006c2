// SPDX-License-Identifier: MIT
// Causal attention, forward and backward, one (row, head) at a time. Scores are kept transposed,
// [key][query], so that the softmax over keys runs down the vector lanes and needs no horizontal
// sums. Keys after the last query of a block of eight are never visited: about half of the square.
#include "gemm.h"
#include "kernels.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace ff::engine::fused {
namespace {

int64_t round_up(int64_t n) {
  return (n + kLanes - 1) / kLanes * kLanes;
}

/// Buffers of one (row, head), reused for all of them. Padding stays zero.
struct Workspace {
  explicit Workspace(const Attention& s)
      : queries(round_up(s.seq_len)),
        head(round_up(s.head)),
        q(size()),
        q_t(size()),
        k(size()),
        v(size()),
        g(size()),
        g_t(size()),
        out(size()),
        d_scores(static_cast<size_t>(queries * queries)) {}
  size_t size() const { return static_cast<size_t>(queries * head); }

  int64_t queries;              ///< seq_len in whole vectors
  int64_t head;                 ///< head size in whole vectors
  std::vector<float> q, q_t;    ///< [query][head] and [head][query]: rotated, times logit_scale
  std::vector<float> k, v;      ///< [key][head]; k rotated
  std::vector<float> g, g_t;    ///< the result's gradient times grad_scale, both ways
  std::vector<float> out;       ///< [query][head]
  std::vector<float> d_scores;  ///< [key][query]
};

/// Where row t's q, k or v of one head starts in qkv (part 0, 1, 2).
FF_INLINE int64_t offset_of(const Attention& s, int64_t row, int64_t part, int64_t h) {
  return (row * 3 + part) * s.num_heads * s.head + h * s.head;
}

FF_INLINE void load_head(const Attention& s, const float* qkv, int64_t b, int64_t h, Workspace& w) {
  const int64_t half = s.head / 2;
  for (int64_t t = 0; t < s.seq_len; ++t) {
    const int64_t row = b * s.seq_len + t;
    const float* q = qkv + offset_of(s, row, 0, h);
    const float* k = qkv + offset_of(s, row, 1, h);
    const float* v = qkv + offset_of(s, row, 2, h);
    float* q_row = &w.q[t * w.head];
    float* k_row = &w.k[t * w.head];
    for (int64_t i = 0; i < half; ++i) {
      const float cos = s.cos[t * half + i];
      const float sin = s.sin[t * half + i];
      q_row[i] = (q[i] * cos - q[i + half] * sin) * s.logit_scale;
      q_row[i + half] = (q[i] * sin + q[i + half] * cos) * s.logit_scale;
      k_row[i] = k[i] * cos - k[i + half] * sin;
      k_row[i + half] = k[i] * sin + k[i + half] * cos;
    }
    for (int64_t i = 0; i < s.head; ++i) {
      w.q_t[i * w.queries + t] = q_row[i];
      w.v[t * w.head + i] = v[i];
    }
  }
}

/// into[key][query] = sum_c keys[key][c] by_head[c][query], for queries from the key's block on.
FF_INLINE void score_products(
    const Attention& s, const Workspace& w, const float* keys, const float* by_head, float* into) {
  for (int64_t j = 0; j < s.seq_len; j += kLanes) {
    gemm_block(std::min(kLanes, s.seq_len - j),
               w.queries - j,
               s.head,
               {keys + j * w.head, w.head, 1},
               by_head + j,
               w.queries,
               1.0F,
               false,
               into + j * w.queries + j,
               w.queries);
  }
}

/// Keys that a block of queries sees.
FF_INLINE int64_t keys_of(const Attention& s, int64_t first) {
  return std::min(first + kLanes, s.seq_len);
}

/// Scores to softmax weights in place, 0 for the keys that a query must not see.
FF_INLINE void softmax(const Attention& s, const Workspace& w, float* p) {
  const Ints lane = {0, 1, 2, 3, 4, 5, 6, 7};
  for (int64_t first = 0; first < s.seq_len; first += kLanes) {
    const int64_t keys = keys_of(s, first);
    Floats top = splat(-std::numeric_limits<float>::infinity());
    for (int64_t j = 0; j < keys; ++j) {
      Floats score;
      load(p + j * w.queries + first, score);
      if (j > first) {
        const auto hidden = static_cast<int32_t>(j - first);
        score = lane < hidden ? splat(-1e30F) : score;
        store(p + j * w.queries + first, score);
      }
      top = score > top ? score : top;
    }
    Floats total = splat(0.0F);
    for (int64_t j = 0; j < keys; ++j) {
      Floats score;
      load(p + j * w.queries + first, score);
      Floats e = exp8(score - top);
      // exp8 bottoms out at 1e-38; a hidden key must weigh exactly nothing.
      e = score < -1e29F ? splat(0.0F) : e;
      total += e;
      store(p + j * w.queries + first, e);
    }
    const Floats inverse = 1.0F / total;
    for (int64_t j = 0; j < keys; ++j) {
      Floats e;
      load(p + j * w.queries + first, e);
      e *= inverse;
      store(p + j * w.queries + first, e);
    }
  }
}

/// out[query][c] = alpha sum over the keys seen of p[key][query] values[key][c].
FF_INLINE void sum_over_keys(const Attention& s,
                             const Workspace& w,
                             const float* p,
                             const float* values,
                             float alpha,
                             float* out) {
  for (int64_t first = 0; first < s.seq_len; first += kLanes) {
    gemm_block(kLanes,
               w.head,
               keys_of(s, first),
               {p + first, 1, w.queries},
               values,
               w.head,
               alpha,
               false,
               out + first * w.head,
               w.head);
  }
}

/// out[key][c] = sum over the queries that see the key of p[key][query] values[query][c].
FF_INLINE void sum_over_queries(
    const Attention& s, const Workspace& w, const float* p, const float* values, float* out) {
  for (int64_t j = 0; j < s.seq_len; j += kLanes) {
    gemm_block(std::min(kLanes, s.seq_len - j),
               w.head,
               s.seq_len - j,
               {p + j * w.queries + j, w.queries, 1},
               values + j * w.head,
               w.head,
               1.0F,
               false,
               out + j * w.head,
               w.head);
  }
}

FF_INLINE void forward_body(const Attention& s, const float* qkv, float* weights, float* out) {
  const int64_t d = s.num_heads * s.head;
  Workspace w(s);
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t h = 0; h < s.num_heads; ++h) {
      load_head(s, qkv, b, h, w);
      float* p = weights + (b * s.num_heads + h) * s.seq_len * w.queries;
      score_products(s, w, w.k.data(), w.q_t.data(), p);
      softmax(s, w, p);
      sum_over_keys(s, w, p, w.v.data(), s.output_scale, w.out.data());
      for (int64_t t = 0; t < s.seq_len; ++t) {
        std::copy_n(&w.out[t * w.head], s.head, out + (b * s.seq_len + t) * d + h * s.head);
      }
    }
  }
}

/// Writes the gradients of q or k (`part` 0, 1) back in the unrotated frame.
FF_INLINE void store_unrotated(
    const Attention& s, const Workspace& w, int64_t b, int64_t h, int64_t part, float* dqkv) {
  const int64_t half = s.head / 2;
  for (int64_t t = 0; t < s.seq_len; ++t) {
    const float* rotated = &w.out[t * w.head];
    float* plain = dqkv + offset_of(s, b * s.seq_len + t, part, h);
    for (int64_t i = 0; i < half; ++i) {
      const float cos = s.cos[t * half + i];
      const float sin = s.sin[t * half + i];
      plain[i] = rotated[i] * cos + rotated[i + half] * sin;
      plain[i + half] = rotated[i + half] * cos - rotated[i] * sin;
    }
  }
}

FF_INLINE void backward_body(
    const Attention& s, const float* qkv, const float* weights, const float* dout, float* dqkv) {
  const int64_t d = s.num_heads * s.head;
  Workspace w(s);
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t h = 0; h < s.num_heads; ++h) {
      load_head(s, qkv, b, h, w);
      for (int64_t t = 0; t < s.seq_len; ++t) {
        const float* row = dout + (b * s.seq_len + t) * d + h * s.head;
        for (int64_t c = 0; c < s.head; ++c) {
          w.g[t * w.head + c] = row[c] * s.grad_scale;
          w.g_t[c * w.queries + t] = row[c] * s.grad_scale;
        }
      }
      const float* p = weights + (b * s.num_heads + h) * s.seq_len * w.queries;
      float* ds = w.d_scores.data();
      score_products(s, w, w.v.data(), w.g_t.data(), ds);
      // Through the softmax: ds = p (dp - sum_j p dp).
      for (int64_t first = 0; first < s.seq_len; first += kLanes) {
        const int64_t keys = keys_of(s, first);
        Floats mean = splat(0.0F);
        for (int64_t j = 0; j < keys; ++j) {
          Floats weight;
          Floats grad;
          load(p + j * w.queries + first, weight);
          load(ds + j * w.queries + first, grad);
          mean += weight * grad;
        }
        for (int64_t j = 0; j < keys; ++j) {
          Floats weight;
          Floats grad;
          load(p + j * w.queries + first, weight);
          load(ds + j * w.queries + first, grad);
          grad = weight * (grad - mean);
          store(ds + j * w.queries + first, grad);
        }
      }
      sum_over_keys(s, w, ds, w.k.data(), s.logit_scale, w.out.data());
      store_unrotated(s, w, b, h, 0, dqkv);
      sum_over_queries(s, w, ds, w.q.data(), w.out.data());  // q carries logit_scale already
      store_unrotated(s, w, b, h, 1, dqkv);
      sum_over_queries(s, w, p, w.g.data(), w.out.data());
      for (int64_t t = 0; t < s.seq_len; ++t) {
        std::copy_n(&w.out[t * w.head], s.head, dqkv + offset_of(s, b * s.seq_len + t, 2, h));
      }
    }
  }
}

FF_DISPATCH(forward,
            (const Attention& s, const float* qkv, float* weights, float* out),
            forward_body(s, qkv, weights, out))
FF_DISPATCH(
    backward,
    (const Attention& s, const float* qkv, const float* weights, const float* dout, float* dqkv),
    backward_body(s, qkv, weights, dout, dqkv))

}  // namespace

int64_t attention_weights_size(const Attention& s) {
  return s.batch * s.num_heads * s.seq_len * round_up(s.seq_len);
}

void attention_forward(const Attention& s, const float* qkv, float* weights, float* out) {
  forward_best(s, qkv, weights, out);
}

void attention_backward(
    const Attention& s, const float* qkv, const float* weights, const float* dout, float* dqkv) {
  backward_best(s, qkv, weights, dout, dqkv);
}

}  // namespace ff::engine::fused
