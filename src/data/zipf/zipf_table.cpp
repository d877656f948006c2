// SPDX-License-Identifier: MIT
#include "flops_fit/data/zipf/zipf_table.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>

namespace ff::data::zipf {
namespace {

constexpr uint64_t kGuideBuckets = 1ULL << 14;

/// k^(e8/8) by the binary expansion of e8/8: correctly rounded operations only, no pow().
double rational_power(double k, int e8) {
  double result = 1;
  for (int i = 0; i < e8 >> 3; ++i) {
    result *= k;
  }
  double root = k;
  for (const int bit : {4, 2, 1}) {
    root = std::sqrt(root);
    if ((e8 & bit) != 0) {
      result *= root;
    }
  }
  return result;
}

}  // namespace

uint32_t unpermute20(uint32_t value) {
  // 0x9E375 is odd, so it has an inverse modulo 2^20; Newton's iteration doubles the correct bits.
  uint32_t inverse = 1;
  for (int i = 0; i < 5; ++i) {
    inverse *= 2U - 0x9E375U * inverse;
  }
  for (int round = 0; round < 3; ++round) {
    value ^= value >> 11;  // its own inverse for 20 bits: 2 * 11 > 20
    value = ((value - 0x3C6EFU) * inverse) & 0xFFFFFU;
  }
  return value;
}

ZipfTable::ZipfTable(int64_t size, int exponent_e8) {
  assert(size >= 1 && size <= (1 << 20) && exponent_e8 >= 8 && exponent_e8 <= 32);
  constexpr double kScale = 17592186044416.0;  // 2^44: the total stays below 2^48
  cumulative_.reserve(static_cast<size_t>(size));
  uint64_t sum = 0;
  for (int64_t k = 1; k <= size; ++k) {
    const double weight = std::floor(kScale / rational_power(static_cast<double>(k), exponent_e8));
    sum += std::max<uint64_t>(1, static_cast<uint64_t>(weight));
    cumulative_.push_back(sum);
  }
  // The smallest x of bucket b is ceil(b * W / 2^14); its rank is where the search may start, and
  // the start of the next bucket is where it may end.
  guide_.reserve(kGuideBuckets + 1);
  size_t rank = 0;
  for (uint64_t bucket = 0; bucket < kGuideBuckets; ++bucket) {
    const auto first = static_cast<uint64_t>(
        (static_cast<uint128>(bucket) * sum + kGuideBuckets - 1) / kGuideBuckets);
    while (rank < cumulative_.size() && cumulative_[rank] <= first) {
      ++rank;
    }
    guide_.push_back(static_cast<uint32_t>(rank));
  }
  guide_.push_back(static_cast<uint32_t>(size));
}

int64_t ZipfTable::find(uint64_t x) const {
  const auto bucket = static_cast<size_t>((x << 14) / total());  // x < 2^48: no overflow
  const auto begin = cumulative_.begin() + static_cast<std::ptrdiff_t>(guide_[bucket]);
  const auto end = cumulative_.begin() + static_cast<std::ptrdiff_t>(guide_[bucket + 1]);
  return std::upper_bound(begin, end, x) - cumulative_.begin();
}

uint64_t ZipfTable::weight(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  return i == 0 ? cumulative_[0] : cumulative_[i] - cumulative_[i - 1];
}

double ZipfTable::cost_nats(int64_t index) const {
  return std::log(static_cast<double>(total()) / static_cast<double>(weight(index)));
}

double ZipfTable::entropy_nats() const {
  // H = ln W - sum w ln w / W; smallest terms first keeps the rounding error near one ulp.
  double sum = 0;
  for (int64_t index = size() - 1; index >= 0; --index) {
    const auto w = static_cast<double>(weight(index));
    sum += w * (std::log(static_cast<double>(total())) - std::log(w));
  }
  return sum / static_cast<double>(total());
}

}  // namespace ff::data::zipf
