// SPDX-License-Identifier: MIT
// The exact expectations of a world: nats, bytes and word-level tokens per story.
#include "flops_fit/data/zipf/world.h"

#include <cmath>

namespace ff::data::zipf {
namespace {

/// The distribution of the value of each free choice, chain by chain.
std::vector<std::vector<double>> choice_marginals(const World& world) {
  const Grammar& grammar = world.grammar();
  std::vector<std::vector<double>> marginals;
  for (size_t c = 0; c < grammar.choices.size(); ++c) {
    const ZipfTable& table = world.choice_table(static_cast<int>(c));
    const int parent = grammar.choices[c].given;
    const std::vector<double> given =
        parent < 0 ? std::vector<double>{1.0} : marginals[static_cast<size_t>(parent)];
    std::vector<double> marginal(static_cast<size_t>(table.size()), 0.0);
    for (size_t g = 0; g < given.size(); ++g) {
      for (int64_t rank = 0; rank < table.size(); ++rank) {
        const int32_t value =
            world.choice_value(static_cast<int>(c), rank, static_cast<int32_t>(g));
        marginal[static_cast<size_t>(value)] += given[g] * table.probability(rank);
      }
    }
    marginals.push_back(std::move(marginal));
  }
  return marginals;
}

/// Mean length in bytes of the name, of every attribute, form and relation, weighted by popularity.
struct MeanLengths {
  double name = 0;
  std::vector<double> attributes, forms, relations;
};

MeanLengths mean_lengths(const World& world) {
  const Grammar& grammar = world.grammar();
  const auto list = [&](int index) -> const std::vector<std::string>& {
    return grammar.lists[static_cast<size_t>(index)].words;
  };
  // p[slot][value]: with it, one pass over the characters serves every kind of hole.
  std::vector<std::vector<double>> p;
  for (const Attribute& attribute : grammar.attributes) {
    p.emplace_back(list(attribute.list).size(), 0.0);
  }
  MeanLengths mean;
  for (int64_t k = world.characters().size() - 1; k >= 0; --k) {  // rarest first: less rounding
    const auto character = static_cast<uint32_t>(k);
    const double probability = world.characters().probability(k);
    for (size_t slot = 0; slot < p.size(); ++slot) {
      p[slot][static_cast<size_t>(world.attribute(static_cast<int>(slot), character))] +=
          probability;
    }
    const uint32_t name = permute20(character);
    const size_t letters = list(grammar.name_lists[0])[name >> 15].size() +
                           list(grammar.name_lists[1])[name >> 10 & 31].size() +
                           list(grammar.name_lists[2])[name >> 5 & 31].size() +
                           list(grammar.name_lists[3])[name & 31].size();
    mean.name += probability * static_cast<double>(letters + 1);
  }
  const auto expected = [](const std::vector<double>& weights, const auto& length) {
    double sum = 0;
    for (size_t value = 0; value < weights.size(); ++value) {
      sum += weights[value] * static_cast<double>(length(value));
    }
    return sum;
  };
  for (size_t slot = 0; slot < p.size(); ++slot) {
    const auto& words = list(grammar.attributes[slot].list);
    mean.attributes.push_back(expected(p[slot], [&](size_t v) { return words[v].size(); }));
  }
  for (const Form& form : grammar.forms) {
    mean.forms.push_back(expected(p[static_cast<size_t>(form.attribute)],
                                  [&](size_t v) { return form.words[v].size(); }));
  }
  for (size_t r = 0; r < grammar.relations.size(); ++r) {
    const Relation& relation = grammar.relations[r];
    mean.relations.push_back(expected(p[static_cast<size_t>(relation.attribute)], [&](size_t v) {
      const auto value = static_cast<size_t>(world.relation_value(static_cast<int>(r), v));
      return list(relation.list)[value].size();
    }));
  }
  return mean;
}

}  // namespace

Expectation World::expectation() const {
  const MeanLengths mean = mean_lengths(*this);
  const std::vector<std::vector<double>> marginals = choice_marginals(*this);
  Expectation result;
  result.nats_per_story = characters_.entropy_nats();
  result.tokens_per_story = 1;  // the newline
  // Bytes: every part with a space before it counts one; the first part of a story has none, which
  // the newline makes up for.
  for (const Pool& pool : grammar_->pools) {
    const auto groups = static_cast<double>(pool.groups.size());
    for (int draw = 0; draw < pool.draws; ++draw) {
      result.nats_per_story += std::log(groups - draw);
    }
    for (const std::vector<int>& templates : pool.groups) {
      const auto count = static_cast<double>(templates.size());
      result.nats_per_story += pool.draws / groups * std::log(count);
      const double shown = pool.draws / (groups * count);  // how often a story has this template
      for (const int index : templates) {
        for (const Part& part : grammar_->templates[static_cast<size_t>(index)].parts) {
          const auto i = static_cast<size_t>(part.index);
          double bytes = part.space_before ? 1 : 0;
          double tokens = 1;
          switch (part.kind) {
            case HoleKind::kLiteral:
              bytes += static_cast<double>(part.literal.size());
              break;
            case HoleKind::kName:
              bytes += mean.name;
              tokens = 4;
              break;
            case HoleKind::kAttribute:
              bytes += mean.attributes[i];
              break;
            case HoleKind::kForm:
              bytes += mean.forms[i];
              break;
            case HoleKind::kRelation:
              bytes += mean.relations[i];
              break;
            case HoleKind::kChoice:
              for (size_t value = 0; value < marginals[i].size(); ++value) {
                bytes += marginals[i][value] *
                         static_cast<double>(grammar_->words_of(part)[value].size());
              }
              result.nats_per_story += shown * choice_tables_[i].entropy_nats();
              break;
          }
          result.bytes_per_story += shown * bytes;
          result.tokens_per_story += shown * tokens;
        }
      }
    }
  }
  return result;
}

}  // namespace ff::data::zipf
