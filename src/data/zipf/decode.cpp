// SPDX-License-Identifier: MIT
#include "flops_fit/data/zipf/decode.h"

#include <array>
#include <cmath>
#include <string>

namespace ff::data::zipf {
namespace {

/// Backtracking over everything the generator could have chosen, guided by the text.
class Reader {
 public:
  Reader(const World& world, std::string_view text)
      : world_(world), grammar_(world.grammar()), text_(text) {}

  Decoded read() {
    sentence({});
    return result_;
  }

 private:
  struct State {
    size_t at = 0;
    size_t pool = 0;
    int draw = 0;
    uint64_t used = 0;
    bool named = false;
    uint32_t character = 0;
    double cost = 0;
    std::array<int32_t, kMaxChoices> chosen{};
  };

  static bool advance(std::string_view text, std::string_view word, size_t& at) {
    if (text.substr(at, word.size()) != word) {
      return false;
    }
    at += word.size();
    return true;
  }

  /// Tries every group and template that may come next.
  void sentence(State state) {
    if (state.pool < grammar_.pools.size() && state.draw == grammar_.pools[state.pool].draws) {
      ++state.pool;
      state.draw = 0;
      state.used = 0;
    }
    if (state.pool == grammar_.pools.size()) {
      if (state.at == text_.size() && state.named) {
        ++result_.parses;
        result_.character = state.character;
        result_.cost_nats = state.cost;
      }
      return;
    }
    const Pool& pool = grammar_.pools[state.pool];
    const auto left = static_cast<double>(pool.groups.size()) - state.draw;
    for (size_t g = 0; g < pool.groups.size(); ++g) {
      if ((state.used >> g & 1) != 0) {
        continue;
      }
      for (const int index : pool.groups[g]) {
        State next = state;
        next.used |= uint64_t{1} << g;
        ++next.draw;
        next.cost += std::log(left) + std::log(static_cast<double>(pool.groups[g].size()));
        parts(grammar_.templates[static_cast<size_t>(index)], 0, next);
      }
    }
  }

  void parts(const Template& shape, size_t p, State state) {
    if (p == shape.parts.size()) {
      sentence(state);
      return;
    }
    const Part& part = shape.parts[p];
    if (part.space_before && state.at > 0 && !advance(text_, " ", state.at)) {
      return;
    }
    if (part.kind == HoleKind::kLiteral) {
      if (advance(text_, part.literal, state.at)) {
        parts(shape, p + 1, state);
      }
    } else if (part.kind == HoleKind::kName) {
      name(shape, p, state);
    } else if (part.kind == HoleKind::kChoice) {
      choice(shape, p, state);
    } else if (state.named) {
      const auto value = static_cast<size_t>(world_.fixed_value(part, state.character));
      if (advance(text_, grammar_.words_of(part)[value], state.at)) {
        parts(shape, p + 1, state);
      }
    }
  }

  void choice(const Template& shape, size_t p, const State& state) {
    const Part& part = shape.parts[p];
    const int given = grammar_.choices[static_cast<size_t>(part.index)].given;
    const int32_t parent = given < 0 ? 0 : state.chosen[static_cast<size_t>(given)];
    const ZipfTable& table = world_.choice_table(part.index);
    for (int64_t rank = 0; rank < table.size(); ++rank) {
      const int32_t value = world_.choice_value(part.index, rank, parent);
      State next = state;
      if (advance(text_, grammar_.words_of(part)[static_cast<size_t>(value)], next.at)) {
        next.chosen[static_cast<size_t>(part.index)] = value;
        next.cost += table.cost_nats(rank);
        parts(shape, p + 1, next);
      }
    }
  }

  void name(const Template& shape, size_t p, const State& state) {
    syllable(shape, p, 0, 0, state);
  }

  /// Syllable `s` of the name: every one that fits, since "Al" and "Ala" may both start a name.
  void syllable(const Template& shape, size_t p, int s, uint32_t code, const State& state) {
    if (s == 4) {
      const uint32_t character = unpermute20(code);
      const bool same = !state.named || state.character == character;
      if (same && character < world_.characters().size()) {
        State next = state;
        next.cost += state.named ? 0 : world_.characters().cost_nats(character);
        next.named = true;
        next.character = character;
        parts(shape, p + 1, next);
      }
      return;
    }
    const auto& words = grammar_.lists[static_cast<size_t>(grammar_.name_lists[s])].words;
    for (uint32_t i = 0; i < words.size(); ++i) {
      State next = state;
      const bool spaced = s != 2 || advance(text_, " ", next.at);
      if (spaced && advance(text_, words[i], next.at)) {
        syllable(shape, p, s + 1, code << 5 | i, next);
      }
    }
  }

  const World& world_;
  const Grammar& grammar_;
  std::string_view text_;
  Decoded result_;
};

}  // namespace

Decoded decode_story(const World& world, std::string_view text) {
  if (!text.empty() && text.back() == '\n') {
    text.remove_suffix(1);
  }
  return Reader(world, text).read();
}

}  // namespace ff::data::zipf
