// SPDX-License-Identifier: MIT
#pragma once
// An exact Zipf law with integer weights: p_k = w_k / W, w_k = max(1, floor(2^44 / k^(e8/8))).
// k^(e8/8) needs only *, / and sqrt, which IEEE 754 rounds correctly everywhere, so the weights
// (and with them the corpus and its entropy) are the same on every machine.
#include "flops_fit/data/zipf/random.h"

#include <cstdint>
#include <vector>

namespace ff::data::zipf {

class ZipfTable {
 public:
  /// `size` in [1, 2^20] outcomes; `exponent_e8` in [8, 32] is eight times the exponent, so 10
  /// means p ~ 1 / rank^1.25. Takes about 10 ms and 8 MB at size 2^20.
  ZipfTable(int64_t size, int exponent_e8);

  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(cumulative_.size()); }
  [[nodiscard]] uint64_t total() const { return cumulative_.back(); }
  /// The weight of the outcome of 0-based rank `index`.
  [[nodiscard]] uint64_t weight(int64_t index) const;
  [[nodiscard]] double probability(int64_t index) const {
    return static_cast<double>(weight(index)) / static_cast<double>(total());
  }
  /// -ln p of one outcome [nats].
  [[nodiscard]] double cost_nats(int64_t index) const;
  [[nodiscard]] double entropy_nats() const;

  /// Draws a 0-based rank.
  [[nodiscard]] int64_t sample(Rng& rng) const { return find(rng.below(total())); }
  /// The number of cumulative sums <= x, for x in [0, total).
  [[nodiscard]] int64_t find(uint64_t x) const;

 private:
  std::vector<uint64_t> cumulative_;  ///< [k] = w_0 + ... + w_k
  std::vector<uint32_t> guide_;       ///< where the binary search of bucket x * 2^14 / W starts
};

}  // namespace ff::data::zipf
