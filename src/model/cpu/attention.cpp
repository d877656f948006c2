// SPDX-License-Identifier: MIT
// Causal attention, forward and backward, for one (row, head) at a time. Queries stand in the vector
// lanes, eight at a time, keys are broadcast: no transposes of the scores, no horizontal sums in the
// inner loops, and keys after the last query of a block are never visited.
#include "kernels.h"
#include "simd.h"

#include <limits>
#include <vector>

namespace ff::model::cpu {
namespace {

int64_t blocks_of(int64_t seq_len) { return (seq_len + kLanes - 1) / kLanes; }

/// Buffers of one (row, head), reused for all of them.
struct Workspace {
  explicit Workspace(const Attention& s)
      : padded(blocks_of(s.seq_len) * kLanes),
        q(size(s)),
        k(size(s)),
        v(size(s)),
        d_out(size(s)),
        d_weights(static_cast<size_t>(padded * kLanes)),
        dk(size(s) * kLanes),
        dv(size(s) * kLanes) {}
  size_t size(const Attention& s) const { return static_cast<size_t>(padded * s.head); }

  int64_t padded;              ///< seq_len rounded up to whole blocks
  std::vector<float> q;        ///< [head][padded], rotated, times logit_scale
  std::vector<float> k, v;     ///< [padded][head], k rotated
  std::vector<float> d_out;    ///< [head][padded]
  std::vector<float> d_weights;  ///< [keys][kLanes] of one block
  std::vector<float> dk, dv;   ///< [keys][head][kLanes] partial sums
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
    for (int64_t i = 0; i < half; ++i) {
      const float cos = s.cos[t * half + i];
      const float sin = s.sin[t * half + i];
      w.q[i * w.padded + t] = (q[i] * cos - q[i + half] * sin) * s.logit_scale;
      w.q[(i + half) * w.padded + t] = (q[i] * sin + q[i + half] * cos) * s.logit_scale;
      w.k[t * s.head + i] = k[i] * cos - k[i + half] * sin;
      w.k[t * s.head + i + half] = k[i] * sin + k[i + half] * cos;
    }
    for (int64_t i = 0; i < s.head; ++i) {
      w.v[t * s.head + i] = v[i];
    }
  }
}

/// kHead > 0 fixes the head size at compile time, so that its loops unroll into registers.
template <int64_t kHead>
FF_INLINE void forward_body(const Attention& s, const float* qkv, float* weights, float* out) {
  const int64_t head = kHead > 0 ? kHead : s.head;
  const int64_t d = s.num_heads * head;
  Workspace w(s);
  const int64_t blocks = blocks_of(s.seq_len);
  const Ints lane = {0, 1, 2, 3, 4, 5, 6, 7};
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t h = 0; h < s.num_heads; ++h) {
      load_head(s, qkv, b, h, w);
      float* head_weights = weights + (b * s.num_heads + h) * blocks * w.padded * kLanes;
      for (int64_t block = 0; block < blocks; ++block) {
        float* p = head_weights + block * w.padded * kLanes;
        const int64_t first = block * kLanes;
        const int64_t keys = first + kLanes < s.seq_len ? first + kLanes : s.seq_len;
        Floats top = splat(-std::numeric_limits<float>::infinity());
        for (int64_t j = 0; j < keys; ++j) {
          Floats score = splat(0.0F);
          for (int64_t c = 0; c < head; ++c) {
            Floats q;
            load(&w.q[c * w.padded + first], q);
            score += q * w.k[j * head + c];
          }
          if (j > first) {
            score = lane + static_cast<int32_t>(first) < static_cast<int32_t>(j) ? splat(-1e30F) : score;
          }
          top = score > top ? score : top;
          store(p + j * kLanes, score);
        }
        Floats total = splat(0.0F);
        for (int64_t j = 0; j < keys; ++j) {
          Floats score;
          load(p + j * kLanes, score);
          Floats e = exp8(score - top);
          // exp8 bottoms out at 1e-38; a hidden key must weigh exactly nothing.
          e = score < -1e29F ? splat(0.0F) : e;
          total += e;
          store(p + j * kLanes, e);
        }
        const Floats inverse = 1.0F / total;
        Floats sum[kHead > 0 ? kHead : kMaxHead] = {};
        for (int64_t j = 0; j < keys; ++j) {
          Floats e;
          load(p + j * kLanes, e);
          e *= inverse;
          store(p + j * kLanes, e);
          for (int64_t c = 0; c < head; ++c) {
            sum[c] += e * w.v[j * head + c];
          }
        }
        for (int64_t i = first; i < keys; ++i) {
          float* row = out + (b * s.seq_len + i) * d + h * head;
          for (int64_t c = 0; c < head; ++c) {
            row[c] = sum[c][i - first] * s.output_scale;
          }
        }
      }
    }
  }
}

/// Writes the gradients of q and k back in the unrotated frame.
FF_INLINE void unrotate(const Attention& s, int64_t t, const float* rotated, float* plain) {
  const int64_t half = s.head / 2;
  for (int64_t i = 0; i < half; ++i) {
    const float cos = s.cos[t * half + i];
    const float sin = s.sin[t * half + i];
    plain[i] = rotated[i] * cos + rotated[i + half] * sin;
    plain[i + half] = rotated[i + half] * cos - rotated[i] * sin;
  }
}

template <int64_t kHead>
FF_INLINE void backward_body(const Attention& s, const float* qkv, const float* weights,
                             const float* dout, float* dqkv) {
  const int64_t head = kHead > 0 ? kHead : s.head;
  const int64_t d = s.num_heads * head;
  Workspace w(s);
  const int64_t blocks = blocks_of(s.seq_len);
  std::vector<float> row_gradient(static_cast<size_t>(head));
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t h = 0; h < s.num_heads; ++h) {
      load_head(s, qkv, b, h, w);
      for (int64_t t = 0; t < s.seq_len; ++t) {
        const float* row = dout + (b * s.seq_len + t) * d + h * head;
        for (int64_t c = 0; c < head; ++c) {
          w.d_out[c * w.padded + t] = row[c] * s.grad_scale;
        }
      }
      std::fill(w.dk.begin(), w.dk.end(), 0.0F);
      std::fill(w.dv.begin(), w.dv.end(), 0.0F);
      const float* head_weights = weights + (b * s.num_heads + h) * blocks * w.padded * kLanes;
      for (int64_t block = 0; block < blocks; ++block) {
        const float* p = head_weights + block * w.padded * kLanes;
        const int64_t first = block * kLanes;
        const int64_t keys = first + kLanes < s.seq_len ? first + kLanes : s.seq_len;
        Floats mean = splat(0.0F);
        for (int64_t j = 0; j < keys; ++j) {
          Floats weight;
          load(p + j * kLanes, weight);
          Floats dw = splat(0.0F);
          for (int64_t c = 0; c < head; ++c) {
            Floats g;
            Floats partial;
            load(&w.d_out[c * w.padded + first], g);
            dw += g * w.v[j * head + c];
            float* dv = &w.dv[(j * head + c) * kLanes];
            load(dv, partial);
            partial += weight * g;
            store(dv, partial);
          }
          mean += weight * dw;
          store(&w.d_weights[j * kLanes], dw);
        }
        Floats dq[kHead > 0 ? kHead : kMaxHead] = {};
        for (int64_t j = 0; j < keys; ++j) {
          Floats weight;
          Floats dw;
          load(p + j * kLanes, weight);
          load(&w.d_weights[j * kLanes], dw);
          const Floats dscore = weight * (dw - mean);
          for (int64_t c = 0; c < head; ++c) {
            Floats q;
            Floats partial;
            dq[c] += dscore * w.k[j * head + c];
            load(&w.q[c * w.padded + first], q);
            float* dk = &w.dk[(j * head + c) * kLanes];
            load(dk, partial);
            partial += dscore * q;  // q carries logit_scale already
            store(dk, partial);
          }
        }
        for (int64_t i = first; i < keys; ++i) {
          for (int64_t c = 0; c < head; ++c) {
            row_gradient[static_cast<size_t>(c)] = dq[c][i - first] * s.logit_scale;
          }
          unrotate(s, i, row_gradient.data(), dqkv + offset_of(s, b * s.seq_len + i, 0, h));
        }
      }
      for (int64_t t = 0; t < s.seq_len; ++t) {
        float* dv = dqkv + offset_of(s, b * s.seq_len + t, 2, h);
        for (int64_t c = 0; c < head; ++c) {
          Floats dk_lanes;
          Floats dv_lanes;
          load(&w.dk[(t * head + c) * kLanes], dk_lanes);
          load(&w.dv[(t * head + c) * kLanes], dv_lanes);
          row_gradient[static_cast<size_t>(c)] = sum_lanes(dk_lanes);
          dv[c] = sum_lanes(dv_lanes);
        }
        unrotate(s, t, row_gradient.data(), dqkv + offset_of(s, b * s.seq_len + t, 1, h));
      }
    }
  }
}

#define FF_FORWARD (const Attention& s, const float* qkv, float* weights, float* out)
#define FF_BACKWARD \
  (const Attention& s, const float* qkv, const float* weights, const float* dout, float* dqkv)
FF_DISPATCH(forward8, FF_FORWARD, forward_body<8>(s, qkv, weights, out))
FF_DISPATCH(forward16, FF_FORWARD, forward_body<16>(s, qkv, weights, out))
FF_DISPATCH(forward_any, FF_FORWARD, forward_body<0>(s, qkv, weights, out))
FF_DISPATCH(backward8, FF_BACKWARD, backward_body<8>(s, qkv, weights, dout, dqkv))
FF_DISPATCH(backward16, FF_BACKWARD, backward_body<16>(s, qkv, weights, dout, dqkv))
FF_DISPATCH(backward_any, FF_BACKWARD, backward_body<0>(s, qkv, weights, dout, dqkv))

}  // namespace

int64_t attention_weights_size(const Attention& s) {
  const int64_t blocks = blocks_of(s.seq_len);
  return s.batch * s.num_heads * blocks * (blocks * kLanes) * kLanes;
}

void attention_forward(const Attention& s, const float* qkv, float* weights, float* out) {
  const auto kernel = s.head == 8 ? forward8_best : s.head == 16 ? forward16_best : forward_any_best;
  kernel(s, qkv, weights, out);
}

void attention_backward(const Attention& s, const float* qkv, const float* weights,
                        const float* dout, float* dqkv) {
  const auto kernel =
      s.head == 8 ? backward8_best : s.head == 16 ? backward16_best : backward_any_best;
  kernel(s, qkv, weights, dout, dqkv);
}

}  // namespace ff::model::cpu
