// SPDX-License-Identifier: MIT
#include "flops_fit/util/hash.h"

#include <fmt/format.h>

namespace ff {

std::string hash_text(uint64_t hash) {
  return fmt::format("{:016x}", hash);
}

}  // namespace ff
