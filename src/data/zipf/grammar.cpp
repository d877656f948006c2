// SPDX-License-Identifier: MIT
#include "flops_fit/data/zipf/grammar.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

namespace ff::data::zipf {
namespace {

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  size_t at = 0;
  while ((at = line.find_first_not_of(" \t\r", at)) != std::string_view::npos) {
    const size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

/// Reads the statements in order; each may only name what stands above it.
class Parser {
 public:
  explicit Parser(std::string_view where) : where_(where) {}

  void statement(std::string_view line) {
    ++line_;
    const std::vector<std::string> words = split_words(line);
    if (words.empty() || words[0].front() == '#') {
      return;
    }
    const std::string& keyword = words[0];
    if (keyword == "list") {
      need(words.size() >= 3, "expected: list NAME word...");
      grammar_.lists.push_back({words[1], {words.begin() + 2, words.end()}});
    } else if (keyword == "attr") {
      need(words.size() == 3, "expected: attr NAME LIST");
      grammar_.attributes.push_back({words[1], find(grammar_.lists, words[2], "list")});
    } else if (keyword == "form") {
      add_form(words);
    } else if (keyword == "rel") {
      need(words.size() == 4, "expected: rel NAME LIST ATTR");
      grammar_.relations.push_back({words[1],
                                    find(grammar_.lists, words[2], "list"),
                                    find(grammar_.attributes, words[3], "attr")});
    } else if (keyword == "choice") {
      add_choice(words);
    } else if (keyword == "pool") {
      need(words.size() == 4, "expected: pool NAME DRAWS FLAG");
      grammar_.pools.push_back({words[1], number(words[2]), {}});
      every_template_is_a_group_ = number(words[3]) != 0;
    } else if (keyword == "g") {
      need(!grammar_.pools.empty(), "a group outside of a pool");
      grammar_.pools.back().groups.emplace_back();
    } else if (keyword == "t") {
      add_template(words);
    } else {
      need(false, fmt::format("unknown statement '{}'", keyword));
    }
  }

  Grammar finish() {
    constexpr std::array<std::string_view, 4> kNameLists = {"A", "B", "C", "D"};
    for (size_t i = 0; i < kNameLists.size(); ++i) {
      grammar_.name_lists[i] = find(grammar_.lists, kNameLists[i], "list");
      need(words_in(grammar_.name_lists[i]) == 32, "the name lists A, B, C, D need 32 words each");
    }
    int sentences = 0;
    for (const Pool& pool : grammar_.pools) {
      sentences += pool.draws;
      need(pool.draws >= 1 && pool.draws <= static_cast<int>(pool.groups.size()),
           fmt::format("pool {} draws {} of {} groups", pool.name, pool.draws, pool.groups.size()));
      need(pool.groups.size() <= 64, fmt::format("pool {} has more than 64 groups", pool.name));
      need(std::none_of(pool.groups.begin(),
                        pool.groups.end(),
                        [](const auto& group) { return group.empty(); }),
           fmt::format("pool {} has a group without a template", pool.name));
    }
    need(sentences >= 1 && sentences <= kMaxSentences,
         fmt::format(
             "a story has {} sentences, at most {} are supported", sentences, kMaxSentences));
    need(grammar_.choices.size() <= kMaxChoices,
         fmt::format("at most {} choices are supported", kMaxChoices));
    return std::move(grammar_);
  }

 private:
  void need(bool ok, std::string_view rule) const {
    if (!ok) {
      throw error<FileError>("{}:{}: {}.", where_, line_, rule);
    }
  }

  int number(const std::string& word) const {
    int value = 0;
    const auto [end, status] = std::from_chars(word.data(), word.data() + word.size(), value);
    need(status == std::errc{} && end == word.data() + word.size(),
         fmt::format("expected a number, found '{}'", word));
    return value;
  }

  template <class T>
  static int index_of(const std::vector<T>& items, std::string_view name) {
    const auto found =
        std::find_if(items.begin(), items.end(), [&](const T& item) { return item.name == name; });
    return found == items.end() ? -1 : static_cast<int>(found - items.begin());
  }

  template <class T>
  int find(const std::vector<T>& items, std::string_view name, std::string_view what) const {
    const int index = index_of(items, name);
    need(index >= 0, fmt::format("no {} is called '{}'", what, name));
    return index;
  }

  size_t words_in(int list) const { return grammar_.lists[static_cast<size_t>(list)].words.size(); }

  void add_form(const std::vector<std::string>& words) {
    need(words.size() >= 4, "expected: form NAME ATTR word...");
    const int attribute = find(grammar_.attributes, words[2], "attr");
    const int list = grammar_.attributes[static_cast<size_t>(attribute)].list;
    need(words.size() - 3 == words_in(list), "a form needs one word for each value of its attr");
    grammar_.forms.push_back({words[1], attribute, {words.begin() + 3, words.end()}});
  }

  void add_choice(const std::vector<std::string>& words) {
    need(words.size() == 5 && words[3] == "zipf", "expected: choice NAME LIST zipf -|CHOICE");
    const int list = find(grammar_.lists, words[2], "list");
    // The permutation r -> r * odd + c (mod M) is a bijection only for powers of two.
    need(words[4] == "-" || std::has_single_bit(words_in(list)),
         "the list of a permuted choice needs a power of two of words");
    grammar_.choices.push_back(
        {words[1], list, words[4] == "-" ? -1 : find(grammar_.choices, words[4], "choice")});
  }

  Part hole(const std::string& name) const {
    if (name == "NAME") {
      return {HoleKind::kName, 0, {}, true};
    }
    if (const int i = index_of(grammar_.choices, name); i >= 0) {
      return {HoleKind::kChoice, i, {}, true};
    }
    if (const int i = index_of(grammar_.relations, name); i >= 0) {
      return {HoleKind::kRelation, i, {}, true};
    }
    if (const int i = index_of(grammar_.forms, name); i >= 0) {
      return {HoleKind::kForm, i, {}, true};
    }
    return {HoleKind::kAttribute,
            find(grammar_.attributes, name, "attr, form, rel or choice"),
            {},
            true};
  }

  void add_template(const std::vector<std::string>& words) {
    need(!grammar_.pools.empty() && words.size() >= 2, "a template outside of a pool, or empty");
    Template result;
    std::vector<int> chosen;
    for (size_t w = 1; w < words.size(); ++w) {
      std::string word = words[w];
      const char last = word.back();
      const bool punctuated = word.size() > 1 && (last == '.' || last == ',');
      if (punctuated) {
        word.pop_back();
      }
      if (word.size() > 2 && word.front() == '{' && word.back() == '}') {
        Part part = hole(word.substr(1, word.size() - 2));
        if (part.kind == HoleKind::kChoice) {
          // A choice that is permuted by a word further right could not be predicted left to right.
          const int given = grammar_.choices[static_cast<size_t>(part.index)].given;
          need(given < 0 || std::find(chosen.begin(), chosen.end(), given) != chosen.end(),
               fmt::format("{} stands before the choice that permutes it", word));
          chosen.push_back(part.index);
        }
        result.parts.push_back(std::move(part));
        ++result.num_holes;
      } else {
        result.parts.push_back({HoleKind::kLiteral, 0, word, true});
      }
      if (punctuated) {
        result.parts.push_back({HoleKind::kLiteral, 0, std::string(1, last), false});
      }
    }
    need(result.num_holes <= kMaxHoles, fmt::format("at most {} holes a template", kMaxHoles));
    Pool& pool = grammar_.pools.back();
    if (every_template_is_a_group_ || pool.groups.empty()) {
      pool.groups.emplace_back();
    }
    pool.groups.back().push_back(static_cast<int>(grammar_.templates.size()));
    grammar_.templates.push_back(std::move(result));
  }

  std::string where_;
  int line_ = 0;
  bool every_template_is_a_group_ = false;
  Grammar grammar_;
};

}  // namespace

const std::vector<std::string>& Grammar::words_of(const Part& part) const {
  const auto i = static_cast<size_t>(part.index);
  switch (part.kind) {
    case HoleKind::kForm:
      return forms[i].words;
    case HoleKind::kRelation:
      return lists[static_cast<size_t>(relations[i].list)].words;
    case HoleKind::kChoice:
      return lists[static_cast<size_t>(choices[i].list)].words;
    default:
      return lists[static_cast<size_t>(attributes[i].list)].words;
  }
}

Grammar parse_grammar(std::string_view text, std::string_view where) {
  Parser parser(where);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    parser.statement(text.substr(at, end - at));
    at = end + 1;
  }
  Grammar grammar = parser.finish();
  grammar.hash = fnv1a(text);
  return grammar;
}

const Grammar& builtin_grammar() {
  static const Grammar grammar =
      parse_grammar(builtin_grammar_text(), "conf/corpora/zipf_stories.grammar");
  return grammar;
}

}  // namespace ff::data::zipf
