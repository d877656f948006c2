// SPDX-License-Identifier: MIT
#pragma once
// The grammar of zipf-stories as data: word lists, what is fixed about a character, what a story
// chooses freely, and the sentence templates. The file conf/corpora/zipf_stories.grammar is
// compiled into the library. One statement a line:
//   list NAME word...          words; the lists A B C D (32 each) are the syllables of the names
//   attr NAME LIST             a fixed attribute of every character
//   form NAME ATTR word...     a word that follows from an attribute (he -> He, His)
//   rel NAME LIST ATTR         a word fixed by hashing the value of an attribute
//   choice NAME LIST zipf -|C  a free choice, p ~ 1/rank; its ranks are permuted by choice C
//   pool NAME DRAWS FLAG       DRAWS groups are drawn without replacement; FLAG 1 = every template
//                              is a group of its own, 0 = `g` lines start the groups
//   t text                     a template; {X} is a hole, {NAME} the character's two names
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ff::data::zipf {

/// Limits of the fixed-size StoryForm; parse_grammar checks them.
inline constexpr int kMaxHoles = 8;
inline constexpr int kMaxSentences = 8;
inline constexpr int kMaxChoices = 8;

enum class HoleKind : uint8_t { kLiteral, kName, kAttribute, kForm, kRelation, kChoice };

/// A word, a '.', a ',' or a hole of a template.
struct Part {
  HoleKind kind = HoleKind::kLiteral;
  int index = 0;        ///< into attributes, forms, relations or choices
  std::string literal;  ///< for kLiteral
  bool space_before = true;
};

struct Template {
  std::vector<Part> parts;
  int num_holes = 0;
};

struct WordList {
  std::string name;
  std::vector<std::string> words;
};

struct Attribute {
  std::string name;
  int list = 0;
};

struct Form {
  std::string name;
  int attribute = 0;
  std::vector<std::string> words;
};

struct Relation {
  std::string name;
  int list = 0;
  int attribute = 0;
};

struct Choice {
  std::string name;
  int list = 0;
  int given = -1;  ///< the choice that permutes the ranks, or -1
};

struct Pool {
  std::string name;
  int draws = 0;
  std::vector<std::vector<int>> groups;  ///< template indices
};

struct Grammar {
  std::vector<WordList> lists;
  std::vector<Attribute> attributes;
  std::vector<Form> forms;
  std::vector<Relation> relations;
  std::vector<Choice> choices;
  std::vector<Template> templates;
  std::vector<Pool> pools;
  int name_lists[4] = {0, 0, 0, 0};  ///< A, B, C, D
  uint64_t hash = 0;                 ///< of the text

  /// The words a hole may become (not for kLiteral and kName).
  [[nodiscard]] const std::vector<std::string>& words_of(const Part& part) const;
};

/// Throws FileError, naming `where` and the line.
[[nodiscard]] Grammar parse_grammar(std::string_view text, std::string_view where);

/// The text of conf/corpora/zipf_stories.grammar, compiled in.
[[nodiscard]] std::string_view builtin_grammar_text();

/// The parsed built-in grammar.
[[nodiscard]] const Grammar& builtin_grammar();

}  // namespace ff::data::zipf
