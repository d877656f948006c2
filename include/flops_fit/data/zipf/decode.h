// SPDX-License-Identifier: MIT
#pragma once
// Reads every choice of a story back from its text: the proof that a story carries exactly the
// information its cost says, and the check that a text belongs to a world.
#include "flops_fit/data/zipf/world.h"

#include <cstdint>
#include <string_view>

namespace ff::data::zipf {

struct Decoded {
  int64_t parses = 0;  ///< 0: not a story of this world; above 1: ambiguous
  uint32_t character = 0;
  double cost_nats = 0;  ///< -ln p of the parse found last
};

/// `text` is one story, with or without its newline. Knows the world's seed, but no story index.
[[nodiscard]] Decoded decode_story(const World& world, std::string_view text);

}  // namespace ff::data::zipf
