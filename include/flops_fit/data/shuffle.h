// SPDX-License-Identifier: MIT
#pragma once
#include <cstdint>

namespace ff::data {

/// A bijection of [0, n) chosen by `key`: where `index` goes when n rows are shuffled. Needs no
/// table and no state: a four-round Feistel network on the next even number of bits, walked along
/// its cycle until it is back in range (Black and Rogaway 2002). Expected cost: under four walks.
[[nodiscard]] uint64_t shuffled(uint64_t index, uint64_t n, uint64_t key);

}  // namespace ff::data
