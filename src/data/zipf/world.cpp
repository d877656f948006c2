// SPDX-License-Identifier: MIT
#include "flops_fit/data/zipf/world.h"

#include "flops_fit/util/error.h"

#include <cmath>

namespace ff::data::zipf {
namespace {

// The streams of the keyed hash h(stream, value).
constexpr uint64_t kStoryStream = 1;
constexpr uint64_t kAttributeStream = 1000;
constexpr uint64_t kRelationStream = 2000;
constexpr uint64_t kChoiceStream = 3000;
constexpr int kFreeChoiceE8 = 8;  // p ~ 1 / rank

const WorldOptions& checked(const WorldOptions& options) {
  if (options.num_characters < 1 || options.num_characters > (1 << 20)) {
    throw error<ConfigError>(
        "dataset.zipf.num_characters: expected 1 to 1048576 (2^20, the number of names), got {}.",
        options.num_characters);
  }
  if (options.exponent_e8 < 8 || options.exponent_e8 > 32) {
    throw error<ConfigError>(
        "dataset.zipf.exponent_e8: expected 8 to 32 (eight times the Zipf exponent; 10 means "
        "1.25), "
        "got {}.",
        options.exponent_e8);
  }
  return options;
}

}  // namespace

World::World(const WorldOptions& options, const Grammar& grammar)
    : options_(checked(options)),
      grammar_(&grammar),
      characters_(options.num_characters, options.exponent_e8) {
  const auto list_size = [&](int list) {
    return grammar.lists[static_cast<size_t>(list)].words.size();
  };
  for (size_t slot = 0; slot < grammar.attributes.size(); ++slot) {
    attribute_keys_.push_back(mix(options_.seed ^ mix(kAttributeStream + slot)));
    attribute_sizes_.push_back(static_cast<uint32_t>(list_size(grammar.attributes[slot].list)));
  }
  for (size_t r = 0; r < grammar.relations.size(); ++r) {
    const Relation& rel = grammar.relations[r];
    const size_t inputs = attribute_sizes_[static_cast<size_t>(rel.attribute)];
    std::vector<int32_t>& values = relation_values_.emplace_back();
    for (size_t value = 0; value < inputs; ++value) {
      values.push_back(
          static_cast<int32_t>(pick(hash(kRelationStream + r, value), list_size(rel.list))));
    }
  }
  for (size_t c = 0; c < grammar.choices.size(); ++c) {
    const Choice& choice = grammar.choices[c];
    const size_t size = list_size(choice.list);
    choice_tables_.emplace_back(static_cast<int64_t>(size), kFreeChoiceE8);
    std::vector<double>& costs = choice_costs_.emplace_back();
    for (size_t rank = 0; rank < size; ++rank) {
      costs.push_back(choice_tables_.back().cost_nats(static_cast<int64_t>(rank)));
    }
    std::vector<Affine>& permutations = choice_permutations_.emplace_back();
    if (choice.given >= 0) {
      const size_t inputs = list_size(grammar.choices[static_cast<size_t>(choice.given)].list);
      for (size_t value = 0; value < inputs; ++value) {
        const uint64_t h = hash(kChoiceStream + c, value);
        permutations.push_back({static_cast<uint32_t>(((h >> 32) % size) | 1),
                                static_cast<uint32_t>((h & 0xFFFF) % size)});
      }
    }
  }
  for (int n = 0; n <= 64; ++n) {
    log_.push_back(n == 0 ? 0.0 : std::log(static_cast<double>(n)));
  }
}

uint64_t World::hash(uint64_t a, uint64_t b) const {
  return mix(mix(options_.seed ^ mix(a)) + b);
}

int World::attribute(int slot, uint32_t character) const {
  const auto s = static_cast<size_t>(slot);
  return static_cast<int>(pick(mix(attribute_keys_[s] + character), attribute_sizes_[s]));
}

int World::relation(int index, uint32_t character) const {
  const int slot = grammar_->relations[static_cast<size_t>(index)].attribute;
  return relation_value(index, static_cast<size_t>(attribute(slot, character)));
}

int World::relation_value(int index, size_t given) const {
  return relation_values_[static_cast<size_t>(index)][given];
}

int32_t World::fixed_value(const Part& part, uint32_t character) const {
  switch (part.kind) {
    case HoleKind::kName:
      return static_cast<int32_t>(permute20(character));
    case HoleKind::kForm:
      return attribute(grammar_->forms[static_cast<size_t>(part.index)].attribute, character);
    case HoleKind::kRelation:
      return relation(part.index, character);
    default:
      return attribute(part.index, character);
  }
}

int32_t World::choice_value(int choice, int64_t rank, int32_t given) const {
  const auto c = static_cast<size_t>(choice);
  if (grammar_->choices[c].given < 0) {
    return static_cast<int32_t>(rank);
  }
  const Affine& affine = choice_permutations_[c][static_cast<size_t>(given)];
  const auto size = static_cast<uint64_t>(choice_tables_[c].size());
  return static_cast<int32_t>((static_cast<uint64_t>(rank) * affine.factor + affine.offset) % size);
}

const ZipfTable& World::choice_table(int choice) const {
  return choice_tables_[static_cast<size_t>(choice)];
}

StoryForm World::form(uint64_t story) const {
  Rng rng(hash(kStoryStream, story));
  StoryForm form;
  form.character = static_cast<uint32_t>(characters_.sample(rng));
  std::array<int32_t, kMaxChoices> chosen{};
  for (const Pool& pool : grammar_->pools) {
    uint64_t used = 0;  // groups already told, as bits
    const size_t num_groups = pool.groups.size();
    for (int draw = 0; draw < pool.draws; ++draw) {
      const uint64_t left = num_groups - static_cast<size_t>(draw);
      uint64_t skip = rng.below(left);
      size_t group = 0;
      while ((used >> group & 1) != 0 || skip-- > 0) {
        ++group;
      }
      used |= uint64_t{1} << group;
      const std::vector<int>& templates = pool.groups[group];
      Sentence& sentence = form.sentences[static_cast<size_t>(form.num_sentences++)];
      sentence.template_index = templates[rng.below(templates.size())];
      form.free_nats += log_[left] + log_[templates.size()];
      size_t hole = 0;
      for (const Part& part :
           grammar_->templates[static_cast<size_t>(sentence.template_index)].parts) {
        if (part.kind == HoleKind::kLiteral) {
          continue;
        }
        int32_t value = 0;
        if (part.kind == HoleKind::kChoice) {
          const auto c = static_cast<size_t>(part.index);
          const int given = grammar_->choices[c].given;
          const int64_t rank = choice_tables_[c].sample(rng);
          value =
              choice_value(part.index, rank, given < 0 ? 0 : chosen[static_cast<size_t>(given)]);
          chosen[c] = value;
          form.free_nats += choice_costs_[c][static_cast<size_t>(rank)];
        } else {
          value = fixed_value(part, form.character);
        }
        sentence.values[hole++] = value;
      }
    }
  }
  return form;
}

double World::cost_nats(const StoryForm& form) const {
  return characters_.cost_nats(form.character) + form.free_nats;
}

std::string World::text(const StoryForm& form) const {
  const auto word = [&](int list, uint32_t index) -> const std::string& {
    return grammar_->lists[static_cast<size_t>(list)].words[index];
  };
  std::string text;
  text.reserve(256);
  for (int s = 0; s < form.num_sentences; ++s) {
    const Sentence& sentence = form.sentences[static_cast<size_t>(s)];
    size_t hole = 0;
    for (const Part& part :
         grammar_->templates[static_cast<size_t>(sentence.template_index)].parts) {
      if (part.space_before && !text.empty()) {
        text += ' ';
      }
      if (part.kind == HoleKind::kLiteral) {
        text += part.literal;
      } else if (part.kind == HoleKind::kName) {
        const auto name = static_cast<uint32_t>(sentence.values[hole++]);
        const int* lists = grammar_->name_lists;
        text += word(lists[0], name >> 15) + word(lists[1], name >> 10 & 31) + ' ' +
                word(lists[2], name >> 5 & 31) + word(lists[3], name & 31);
      } else {
        text += grammar_->words_of(part)[static_cast<size_t>(sentence.values[hole++])];
      }
    }
  }
  return text;
}

Story World::story(uint64_t index) const {
  const StoryForm f = form(index);
  return {text(f), cost_nats(f)};
}

}  // namespace ff::data::zipf
