// SPDX-License-Identifier: MIT
#pragma once
// The task of umup.md 2.2: 64 tokens; the next one comes from one of two fixed random tables (6
// successors each, Zipf 1.2), one keyed by the last token, the other by the last two, 50/50.
#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace ff::test {

class MixtureTask {
 public:
  static constexpr int32_t kVocab = 64;

  MixtureTask() {
    std::mt19937 random(1234);
    for (auto* table : {&by_last_, &by_last_two_}) {
      table->resize(static_cast<size_t>(table == &by_last_ ? kVocab : kVocab * kVocab) * kWays);
      for (int32_t& successor : *table) {
        successor = static_cast<int32_t>(random() % kVocab);
      }
    }
    for (int i = 0; i < kWays; ++i) {
      weights_.push_back(std::pow(i + 1.0, -1.2));
    }
  }

  /// Rows of seq_len + 1 tokens.
  void fill(uint64_t seed, int64_t step, int64_t seq_len, std::span<int32_t> tokens) const {
    std::mt19937_64 random(seed * 1'000'003 + static_cast<uint64_t>(step));
    std::discrete_distribution<size_t> way(weights_.begin(), weights_.end());
    for (size_t i = 0; i < tokens.size(); ++i) {
      const bool row_starts = i % static_cast<size_t>(seq_len + 1) < 2;
      if (row_starts) {
        tokens[i] = static_cast<int32_t>(random() % kVocab);
      } else if (random() % 2 == 0) {
        tokens[i] = by_last_[static_cast<size_t>(tokens[i - 1]) * kWays + way(random)];
      } else {
        const int32_t key = tokens[i - 1] * kVocab + tokens[i - 2];
        tokens[i] = by_last_two_[static_cast<size_t>(key) * kWays + way(random)];
      }
    }
  }

 private:
  static constexpr int kWays = 6;
  std::vector<int32_t> by_last_, by_last_two_;
  std::vector<double> weights_;
};

}  // namespace ff::test
