// SPDX-License-Identifier: MIT
#include "flops_fit/data/shuffle.h"

#include "flops_fit/data/zipf/random.h"

#include <bit>

namespace ff::data {

uint64_t shuffled(uint64_t index, uint64_t n, uint64_t key) {
  if (n <= 1) {
    return 0;
  }
  const int half = (static_cast<int>(std::bit_width(n - 1)) + 1) / 2;
  const uint64_t mask = (uint64_t{1} << half) - 1;
  do {
    uint64_t left = index >> half;
    uint64_t right = index & mask;
    for (uint64_t round = 0; round < 4; ++round) {
      const uint64_t mixed = left ^ (zipf::mix(zipf::mix(key + round) ^ right) & mask);
      left = right;
      right = mixed;
    }
    index = left << half | right;
  } while (index >= n);
  return index;
}

}  // namespace ff::data
