// SPDX-License-Identifier: MIT
// Reference values: the specification of zipf-stories (world seed 1), computed there by an
// independent prototype.
#include "support/catch.h"

#include "flops_fit/data/zipf/decode.h"
#include "flops_fit/data/zipf/word_vocab.h"
#include "flops_fit/data/zipf/world.h"
#include "flops_fit/util/error.h"

#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace ff::data::zipf;

const World& world() {
  static const World instance{WorldOptions{}};
  return instance;
}

const WordVocab& vocab() {
  static const WordVocab instance{builtin_grammar()};
  return instance;
}

std::vector<int32_t> tokens_of(uint64_t story) {
  std::vector<int32_t> tokens(static_cast<size_t>(vocab().longest_story()));
  tokens.resize(
      static_cast<size_t>(vocab().write(world().form(story), tokens.data()) - tokens.data()));
  return tokens;
}

}  // namespace

TEST_CASE("the integer randomness matches the reference values", "[data]") {
  CHECK(mix(0) == 0xe220a8397b1dcdafULL);
  CHECK(mix(1) == 0x910a2dec89025cc1ULL);
  CHECK(permute20(0) == 778886);
  CHECK(permute20(1) == 594221);
  CHECK(permute20(2) == 473389);
  CHECK(permute20(123456) == 157664);
  CHECK(world().hash(1, 0) == 0x5775264a9a7e1b09ULL);
}

TEST_CASE("the name permutation is a bijection of 20 bits with the inverse we use", "[data]") {
  bool inverts = true;
  for (uint32_t k = 0; k < (1U << 20); ++k) {
    inverts = inverts && unpermute20(permute20(k)) == k;
  }
  CHECK(inverts);
}

TEST_CASE("the Zipf weights match the reference values", "[data]") {
  const ZipfTable& table = world().characters();
  CHECK(table.weight(0) == 17592186044416ULL);
  CHECK(table.weight(1) == 7396603090612ULL);
  CHECK(table.weight(2) == 4455723581723ULL);
  CHECK(table.weight(3) == 3109888511975ULL);
  CHECK(table.weight((1 << 20) - 1) == 524288ULL);
  CHECK(table.total() == 78639038617466ULL);
  CHECK(table.entropy_nats() == Approx(5.327518092105453).epsilon(1e-13));
  const ZipfTable steep(1 << 20, 12);
  CHECK(steep.total() == 45923032897427ULL);
  CHECK(steep.entropy_nats() == Approx(3.2012511077550423).epsilon(1e-13));
}

TEST_CASE("a Zipf table finds the outcome of every kind of draw", "[data]") {
  for (const int64_t size : {1, 2, 16, 1000}) {
    const ZipfTable table(size, 8);
    uint64_t sum = 0;
    for (int64_t k = 0; k < size; ++k) {
      REQUIRE(table.find(sum) == k);
      sum += table.weight(k);
      REQUIRE(table.find(sum - 1) == k);
    }
    CHECK(sum == table.total());
  }
  CHECK(ZipfTable(16, 8).entropy_nats() == Approx(2.3589).epsilon(1e-4));
  CHECK(ZipfTable(32, 8).entropy_nats() == Approx(2.8759).epsilon(1e-4));
}

TEST_CASE("draws below n are in range and even", "[data]") {
  Rng rng(7);
  std::vector<int> counts(6, 0);
  for (int i = 0; i < 60000; ++i) {
    ++counts.at(rng.below(6));
  }
  for (const int count : counts) {
    CHECK(std::abs(count - 10000) < 500);  // 5.5 standard deviations
  }
  CHECK(rng.below(1) == 0);
}

TEST_CASE("the first stories and their costs match the reference", "[data]") {
  const Story first = world().story(0);
  CHECK(first.text ==
        "Meet Jorda Millford. She fears caves, whales and storms. She can dig, swim and write. She "
        "knows Fay, Dot and Tom. She has a pigeon, a pan and a red jumper. Today she hid a hard "
        "pan.");
  CHECK(first.cost_nats == Approx(23.589807375025778).epsilon(1e-14));
  const Story second = world().story(1);
  CHECK(second.text ==
        "Meet Seldem Fairdown. He knows Roy, Ned and Ida. He lives in Penrith as a miller. He can "
        "write, dream and dream. He eats pasta, toast and figs. Today he washed a big basket.");
  CHECK(second.cost_nats == Approx(16.18129098412956).epsilon(1e-14));
}

TEST_CASE("the entropy floor is exact", "[data]") {
  const Expectation full = world().expectation();
  CHECK(full.nats_per_story == Approx(19.731623).epsilon(1e-7));
  CHECK(full.bytes_per_story == Approx(180.984547).epsilon(1e-8));
  CHECK(full.nats_per_story / full.bytes_per_story == Approx(0.1090238).epsilon(1e-6));
  CHECK(full.tokens_per_story == Approx(48.0 + 1.0 / 3.0).epsilon(1e-12));
  const Expectation small = World({1, 4096, 10}).expectation();
  CHECK(small.nats_per_story == Approx(18.796383276904642).epsilon(1e-13));
  // The specification prints 180.9112531279658: it lost a digit 5. This value comes from a second
  // implementation, in exact integer weights.
  CHECK(small.bytes_per_story == Approx(180.91125531279658).epsilon(1e-13));
}

TEST_CASE("the entropy floor of steeper worlds is exact", "[data]") {
  const Expectation e11 = World({1, 1 << 20, 11}).expectation();
  CHECK(e11.nats_per_story == Approx(18.455752).epsilon(1e-7));
  CHECK(e11.bytes_per_story == Approx(180.649744).epsilon(1e-8));
  const Expectation e12 = World({1, 1 << 20, 12}).expectation();
  CHECK(e12.nats_per_story == Approx(17.605356).epsilon(1e-7));
  CHECK(e12.bytes_per_story == Approx(180.338660).epsilon(1e-8));
}

TEST_CASE("every story can be read back from its text, in one way, at its cost", "[data]") {
  double sum = 0;
  for (uint64_t i = 0; i < 10000; ++i) {
    const StoryForm form = world().form(i);
    const double cost = world().cost_nats(form);
    const Decoded decoded = decode_story(world(), world().text(form));
    INFO("story " << i << ": " << world().text(form));
    REQUIRE(decoded.parses == 1);
    REQUIRE(decoded.character == form.character);
    REQUIRE(std::abs(decoded.cost_nats - cost) < 1e-13);
    sum += cost;
  }
  // The specification's s.d. over 10^6 stories is .0043, so .043 over 10^4.
  CHECK(std::abs(sum / 10000 - 19.731623) < 0.2);
}

TEST_CASE("a text that is no story of the world is not decoded", "[data]") {
  std::string text = world().story(0).text;
  CHECK(decode_story(world(), text + "\n").parses == 1);
  CHECK(decode_story(world(), "").parses == 0);
  CHECK(decode_story(world(), text + " ").parses == 0);
  CHECK(decode_story(world(), text.substr(0, text.size() - 1)).parses == 0);
  text.replace(text.find("caves"), 5, "bears");  // a fact that is not true of Jorda Millford
  CHECK(decode_story(world(), text).parses == 0);
  CHECK(decode_story(World({2, 1 << 20, 10}), world().story(0).text).parses == 0);
}

TEST_CASE("the word-level vocabulary has 483 units, padded to 488", "[data]") {
  CHECK(vocab().size() == 483);
  CHECK(vocab().padded_size() == 488);
  CHECK(vocab().unit(WordVocab::kNewline) == "\n");
  CHECK(vocab().shortest_story() == 45);
  CHECK(vocab().longest_story() == 50);
}

TEST_CASE("words and tokens are exact inverses", "[data]") {
  std::set<int32_t> seen;
  for (uint64_t i = 0; i < 10000; ++i) {
    const std::vector<int32_t> tokens = tokens_of(i);
    const std::string text = std::string("\n").append(world().story(i).text);
    REQUIRE(vocab().decode(tokens) == text);
    REQUIRE(vocab().encode(text) == tokens);
    REQUIRE(static_cast<int64_t>(tokens.size()) >= vocab().shortest_story());
    REQUIRE(static_cast<int64_t>(tokens.size()) <= vocab().longest_story());
    seen.insert(tokens.begin(), tokens.end());
  }
  CHECK(static_cast<int64_t>(seen.size()) == vocab().size());  // no unit is unused
}

TEST_CASE("a row that was cut between two tokens is encoded back", "[data]") {
  std::vector<int32_t> tokens = tokens_of(0);
  const std::vector<int32_t> next = tokens_of(1);
  tokens.insert(tokens.end(), next.begin(), next.end());
  while (!tokens.empty()) {
    REQUIRE(vocab().encode(vocab().decode(tokens)) == tokens);
    tokens.pop_back();
  }
}

TEST_CASE("the word-level tokenizer refuses what no story has", "[data]") {
  CHECK_THROWS_WITH(vocab().encode("\nMeet Ada Lovelace."), ContainsSubstring("'Ada'"));
  CHECK_THROWS_WITH(vocab().encode("\nMeet Jorda Millford. She codes."),
                    ContainsSubstring("'codes'"));
  const std::vector<int32_t> padding = {483};
  CHECK_THROWS_AS(vocab().decode(padding), ff::FileError);
}

TEST_CASE("a world refuses options out of range", "[data]") {
  CHECK_THROWS_AS(World({1, (1 << 20) + 1, 10}), ff::ConfigError);
  CHECK_THROWS_AS(World({1, 0, 10}), ff::ConfigError);
  CHECK_THROWS_AS(World({1, 16, 7}), ff::ConfigError);
}

TEST_CASE("a damaged grammar is refused by line", "[data]") {
  CHECK_THROWS_WITH(parse_grammar("lst A b c\n", "g"), ContainsSubstring("g:1"));
  CHECK_THROWS_WITH(parse_grammar("\nattr home place\n", "g"), ContainsSubstring("g:2"));
  std::string text(builtin_grammar_text());
  text.replace(text.find("{noun}"), 6, "{moun}");
  CHECK_THROWS_WITH(parse_grammar(text, "g"), ContainsSubstring("'moun'"));
}
