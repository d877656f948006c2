// SPDX-License-Identifier: MIT
#pragma once
// zipf-stories: an endless corpus whose entropy is known exactly.
// A world is fixed by its seed: 2^20 characters, each with attributes drawn once by hashing. A
// story draws a character from a Zipf law, tells four of six groups of facts about it, and adds an
// event with free choices. Nothing else is random, every choice can be read back from the text, and
// so -ln p of a story (its cost) is known: the mean cost is the lowest loss any model can reach.
// Any story is random access: story(i) is a pure function of (world, i).
#include "flops_fit/data/zipf/grammar.h"
#include "flops_fit/data/zipf/random.h"
#include "flops_fit/data/zipf/zipf_table.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ff::data::zipf {

/// Validation stories have the indices from here on, training stories those below.
inline constexpr uint64_t kFirstValidationStory = 1'000'000'000'000;

struct WorldOptions {
  uint64_t seed = 1;
  int64_t num_characters = 1 << 20;  ///< K, at most 2^20
  int exponent_e8 = 10;              ///< eight times the Zipf exponent 1 + a, in [8, 32]
};

/// One sentence as what was chosen: which template, and for each hole from left to right the index
/// into its word list (for {NAME}: the 20-bit name code).
struct Sentence {
  int template_index = 0;
  std::array<int32_t, kMaxHoles> values{};
};

/// One story as what was chosen. Text and tokens are two renderings of it.
struct StoryForm {
  uint32_t character = 0;  ///< 0-based popularity rank
  double free_nats = 0;    ///< cost of every choice except that of the character
  int num_sentences = 0;
  std::array<Sentence, kMaxSentences> sentences{};
};

struct Story {
  std::string text;  ///< without the newline that ends it
  double cost_nats = 0;
};

/// Exact expectations over all stories of a world.
struct Expectation {
  double nats_per_story = 0;
  double bytes_per_story = 0;   ///< with the newline
  double tokens_per_story = 0;  ///< word-level: newline, words, '.' and ',', four name syllables
};

class World {
 public:
  /// Throws ConfigError when an option is out of range. `grammar` must outlive the world.
  explicit World(const WorldOptions& options, const Grammar& grammar = builtin_grammar());

  [[nodiscard]] const Grammar& grammar() const { return *grammar_; }
  [[nodiscard]] const WorldOptions& options() const { return options_; }
  [[nodiscard]] const ZipfTable& characters() const { return characters_; }

  [[nodiscard]] StoryForm form(uint64_t story) const;
  [[nodiscard]] double cost_nats(const StoryForm& form) const;
  [[nodiscard]] std::string text(const StoryForm& form) const;
  [[nodiscard]] Story story(uint64_t index) const;

  /// One pass over all characters: about 0.1 s at K = 2^20.
  [[nodiscard]] Expectation expectation() const;

  // What the decoder needs to read a story back.
  /// h(a, b), the keyed hash of the specification.
  [[nodiscard]] uint64_t hash(uint64_t a, uint64_t b) const;
  [[nodiscard]] int attribute(int slot, uint32_t character) const;
  [[nodiscard]] int relation(int index, uint32_t character) const;
  /// The value of a relation for a value of its attribute.
  [[nodiscard]] int relation_value(int index, size_t given) const;
  /// The value of a hole that the character alone determines (any kind but kLiteral and kChoice).
  [[nodiscard]] int32_t fixed_value(const Part& part, uint32_t character) const;
  /// The word index that rank `rank` of a choice stands for, given the value of its parent choice.
  [[nodiscard]] int32_t choice_value(int choice, int64_t rank, int32_t given) const;
  [[nodiscard]] const ZipfTable& choice_table(int choice) const;

 private:
  WorldOptions options_;
  const Grammar* grammar_;
  ZipfTable characters_;
  std::vector<ZipfTable> choice_tables_;
  // Everything below is a function of the grammar and the seed, precomputed for speed.
  std::vector<uint64_t> attribute_keys_;
  std::vector<uint32_t> attribute_sizes_;
  std::vector<std::vector<int32_t>> relation_values_;  ///< [relation][value of the attribute]
  struct Affine {
    uint32_t factor = 1;
    uint32_t offset = 0;
  };
  std::vector<std::vector<Affine>> choice_permutations_;  ///< [choice][value of the parent]
  std::vector<std::vector<double>> choice_costs_;         ///< [choice][rank] in nats
  std::vector<double> log_;                               ///< ln of small integers
};

}  // namespace ff::data::zipf
