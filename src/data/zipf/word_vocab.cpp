// SPDX-License-Identifier: MIT
#include "flops_fit/data/zipf/word_vocab.h"

#include "flops_fit/util/error.h"

#include <algorithm>
#include <numeric>

namespace ff::data::zipf {

int32_t WordVocab::add(const std::string& text, Glue glue) {
  units_.push_back(text);
  glue_.push_back(glue);
  introduces_.push_back(false);
  return static_cast<int32_t>(units_.size()) - 1;
}

int32_t WordVocab::word(const std::string& text) {
  const auto [entry, is_new] = words_.try_emplace(text, 0);
  if (is_new) {
    entry->second = add(text, text == "." || text == "," ? Glue::kMark : Glue::kWord);
  }
  return entry->second;
}

const std::vector<int32_t>* WordVocab::tokens_of(const Grammar& grammar, const Part& part) {
  const std::vector<std::string>& words = grammar.words_of(part);
  std::vector<int32_t>& tokens = lists_[&words];
  if (tokens.empty()) {
    for (const std::string& text : words) {
      tokens.push_back(word(text));
    }
  }
  return &tokens;
}

WordVocab::WordVocab(const Grammar& grammar) {
  add("\n", Glue::kMark);
  std::vector<int32_t> name_words;
  for (const Template& shape : grammar.templates) {
    std::vector<Op>& ops = templates_.emplace_back();
    for (const Part& part : shape.parts) {
      Op op;
      op.kind = part.kind;
      if (part.kind == HoleKind::kLiteral) {
        op.literal = word(part.literal);
      } else if (part.kind == HoleKind::kName) {
        if (ops.empty() || ops.back().kind != HoleKind::kLiteral) {
          throw error<FileError>("grammar: {{NAME}} must follow a literal word.");
        }
        introduces_[static_cast<size_t>(ops.back().literal)] = true;
      } else {
        op.words = tokens_of(grammar, part);
      }
      ops.push_back(op);
    }
  }
  name_base_ = static_cast<int32_t>(units_.size());
  for (int list = 0; list < 4; ++list) {
    for (const std::string& text :
         grammar.lists[static_cast<size_t>(grammar.name_lists[list])].words) {
      add(text, list % 2 == 0 ? Glue::kHead : Glue::kTail);
    }
  }
  for (int32_t which = 0; which < 2; ++which) {
    for (int32_t head = 0; head < 32; ++head) {
      for (int32_t tail = 0; tail < 32; ++tail) {
        const int32_t first = name_base_ + 64 * which + head;
        const int32_t second = name_base_ + 64 * which + 32 + tail;
        names_[which].emplace(unit(first) + unit(second), std::pair(first, second));
      }
    }
    if (names_[which].size() != 32 * 32) {
      throw error<FileError>("grammar: two pairs of syllables spell the same name.");
    }
  }
  measure(grammar);
}

void WordVocab::measure(const Grammar& grammar) {
  shortest_ = longest_ = 1;
  for (const Pool& pool : grammar.pools) {
    std::vector<int64_t> low, high;
    for (const std::vector<int>& group : pool.groups) {
      low.push_back(INT64_MAX);
      high.push_back(0);
      for (const int index : group) {
        int64_t tokens = 0;
        for (const Op& op : templates_[static_cast<size_t>(index)]) {
          tokens += op.kind == HoleKind::kName ? 4 : 1;
        }
        low.back() = std::min(low.back(), tokens);
        high.back() = std::max(high.back(), tokens);
      }
    }
    std::sort(low.begin(), low.end());
    std::sort(high.rbegin(), high.rend());
    shortest_ = std::accumulate(low.begin(), low.begin() + pool.draws, shortest_);
    longest_ = std::accumulate(high.begin(), high.begin() + pool.draws, longest_);
  }
}

const std::string& WordVocab::unit(int32_t id) const {
  if (id < 0 || id >= size()) {
    throw error<FileError>(
        "token {} is outside of the word-level vocabulary of {} units.", id, size());
  }
  return units_[static_cast<size_t>(id)];
}

int32_t* WordVocab::write(const StoryForm& form, int32_t* out) const {
  *out++ = kNewline;
  for (int s = 0; s < form.num_sentences; ++s) {
    const Sentence& sentence = form.sentences[static_cast<size_t>(s)];
    const int32_t* value = sentence.values.data();
    for (const Op& op : templates_[static_cast<size_t>(sentence.template_index)]) {
      if (op.kind == HoleKind::kLiteral) {
        *out++ = op.literal;
      } else if (op.kind == HoleKind::kName) {
        const int32_t name = *value++;
        *out++ = name_base_ + (name >> 15);
        *out++ = name_base_ + 32 + (name >> 10 & 31);
        *out++ = name_base_ + 64 + (name >> 5 & 31);
        *out++ = name_base_ + 96 + (name & 31);
      } else {
        *out++ = (*op.words)[static_cast<size_t>(*value++)];
      }
    }
  }
  return out;
}

std::vector<int32_t> WordVocab::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  int name_words_due = 0;  // 2 after a word that introduces a name
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == ' ') {
      ++at;
      continue;
    }
    const bool mark = c == '\n' || c == '.' || c == ',';
    const size_t end = mark ? at + 1 : std::min(text.find_first_of(" \n.,", at), text.size());
    const std::string spelled(text.substr(at, end - at));
    if (c == '\n') {
      ids.push_back(kNewline);
      name_words_due = 0;
    } else if (name_words_due > 0 && !mark) {
      const int which = 2 - name_words_due--;
      const auto& names = names_[which];
      if (const auto found = names.find(spelled); found != names.end()) {
        ids.insert(ids.end(), {found->second.first, found->second.second});
      } else {
        // Only the first syllable: the text was cut here.
        int32_t head = name_base_ + 64 * which;
        const int32_t last = head + 32;
        while (head < last && unit(head) != spelled) {
          ++head;
        }
        if (head == last || end != text.size()) {
          throw error<FileError>("byte {}: '{}' is no name of zipf-stories.", at, spelled);
        }
        ids.push_back(head);
      }
    } else {
      const auto found = words_.find(spelled);
      if (found == words_.end()) {
        throw error<FileError>("byte {}: '{}' is no word of zipf-stories.", at, spelled);
      }
      ids.push_back(found->second);
      name_words_due = introduces_[static_cast<size_t>(found->second)] ? 2 : 0;
    }
    at = end;
  }
  return ids;
}

std::string WordVocab::decode(std::span<const int32_t> ids) const {
  std::string text;
  for (const int32_t id : ids) {
    const std::string& piece = unit(id);
    const Glue glue = glue_[static_cast<size_t>(id)];
    const bool spaced = glue == Glue::kWord || glue == Glue::kHead;
    if (spaced && !text.empty() && text.back() != '\n') {
      text += ' ';
    }
    text += piece;
  }
  return text;
}

}  // namespace ff::data::zipf
