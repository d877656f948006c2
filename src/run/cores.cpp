// SPDX-License-Identifier: MIT
#include "flops_fit/run/cores.h"

#include <algorithm>

namespace ff::run {

std::vector<int64_t> share_cores(int64_t cores, std::span<const CoreUser> users) {
  std::vector<int64_t> shares(users.size(), 1);
  for (auto left = cores - static_cast<int64_t>(users.size()); left > 0; --left) {
    size_t neediest = users.size();
    double most = -1.0;
    for (size_t i = 0; i < users.size(); ++i) {
      const double per_core = users[i].remaining / static_cast<double>(shares[i]);
      if (shares[i] < users[i].max_cores && per_core > most) {
        most = per_core;
        neediest = i;
      }
    }
    if (neediest == users.size()) {
      break;
    }
    ++shares[neediest];
  }
  return shares;
}

std::vector<std::vector<int>> place_cores(std::span<const int> cores,
                                          std::span<const std::vector<int>> held,
                                          std::span<const int64_t> counts) {
  std::vector<std::vector<int>> placed(held.begin(), held.end());
  std::vector<int> free(cores.begin(), cores.end());
  for (size_t i = 0; i < placed.size(); ++i) {
    if (placed[i].size() > static_cast<size_t>(counts[i])) {
      placed[i].resize(static_cast<size_t>(counts[i]));
    }
    for (const int core : placed[i]) {
      std::erase(free, core);
    }
  }
  for (size_t i = 0; i < placed.size(); ++i) {
    while (placed[i].size() < static_cast<size_t>(counts[i]) && !free.empty()) {
      placed[i].push_back(free.front());
      free.erase(free.begin());
    }
    std::sort(placed[i].begin(), placed[i].end());
  }
  return placed;
}

}  // namespace ff::run
