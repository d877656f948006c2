// SPDX-License-Identifier: MIT
#pragma once
// The word-level tokenizer of zipf-stories: one token for the newline that starts a story, one for
// each word, '.' and ',', and two for each of the two names (their syllables, which are tokens of
// their own even where they look like a word). No training, and exact in both directions.
// The built-in grammar has 483 units: newline, 2 marks, 13 literal words, 335 list words ("saw" is
// both a verb and a tool), 4 forms (he, she, He, She) and 128 syllables; padded to 488. (The
// specification counts 485 units; the padded size is the same.)
#include "flops_fit/data/zipf/world.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ff::data::zipf {

class WordVocab {
 public:
  /// The units that the templates of `grammar` can produce, in the order of their appearance.
  explicit WordVocab(const Grammar& grammar);

  static constexpr int32_t kNewline = 0;

  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(units_.size()); }
  /// size() rounded up to a multiple of 8; the ids in between never occur.
  [[nodiscard]] int64_t padded_size() const { return (size() + 7) / 8 * 8; }
  [[nodiscard]] const std::string& unit(int32_t id) const;

  /// Tokens of the shortest and the longest story, newline included.
  [[nodiscard]] int64_t shortest_story() const { return shortest_; }
  [[nodiscard]] int64_t longest_story() const { return longest_; }

  /// Writes the newline and the words of a story to `out` (room for longest_story()) and returns
  /// the end of what was written.
  int32_t* write(const StoryForm& form, int32_t* out) const;

  /// Tokens of a text of stories, each "\n" + story, such as decode() returns. A text that was cut
  /// between two tokens is fine. Throws FileError at a word that no story has.
  [[nodiscard]] std::vector<int32_t> encode(std::string_view text) const;
  /// Throws FileError for an id outside [0, size()).
  [[nodiscard]] std::string decode(std::span<const int32_t> ids) const;

 private:
  enum class Glue : uint8_t { kWord, kMark, kHead, kTail };  // kHead, kTail: syllables of a name
  struct Op {                                                ///< one part of a template
    HoleKind kind = HoleKind::kLiteral;
    int32_t literal = 0;
    const std::vector<int32_t>* words = nullptr;  ///< token of each value of the hole
  };

  int32_t add(const std::string& text, Glue glue);
  int32_t word(const std::string& text);
  const std::vector<int32_t>* tokens_of(const Grammar& grammar, const Part& part);
  void measure(const Grammar& grammar);

  std::vector<std::string> units_;
  std::vector<Glue> glue_;
  std::unordered_map<std::string, int32_t> words_;
  /// First words and surnames as two tokens each.
  std::unordered_map<std::string, std::pair<int32_t, int32_t>> names_[2];
  int32_t name_base_ = 0;         ///< id of the first of 4 * 32 syllables
  std::vector<bool> introduces_;  ///< by id: the word before a name
  std::vector<std::vector<Op>> templates_;
  std::unordered_map<const void*, std::vector<int32_t>> lists_;  ///< node-based: stable addresses
  int64_t shortest_ = 0;
  int64_t longest_ = 0;
};

}  // namespace ff::data::zipf
