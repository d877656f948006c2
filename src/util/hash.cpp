// SPDX-License-Identifier: MIT
#include "flops_fit/util/hash.h"

#include <fmt/format.h>

namespace ff {

std::string hash_text(uint64_t hash) {
  return fmt::format("{:016x}", hash);
}

bool is_hash(std::string_view text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace ff
