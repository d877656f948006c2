// SPDX-License-Identifier: MIT
// zipf-stories, word-level: tokens straight from the generator's choices, no file, no end.
// Rows start at a story start: row r takes the stories r * k, r * k + 1, ..., where k is the most
// stories a row can touch (2 at seq_len 64). The tail of the last story is dropped.
#include "datasets.h"

#include "flops_fit/data/zipf/word_vocab.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"

#include <algorithm>
#include <limits>
#include <mutex>

namespace ff::data {
namespace {

using zipf::kFirstValidationStory;
using zipf::StoryForm;

/// Training seeds start this far apart; 1000 of them fit below the validation stories.
constexpr uint64_t kStoriesPerSeed = 1'000'000'000;

class WordStories final : public Dataset {
 public:
  explicit WordStories(const DatasetConfig& config)
      : seq_len_(config.seq_len),
        world_(world_options(config)),
        vocab_(world_.grammar()),
        stories_per_row_((seq_len_ + vocab_.shortest_story()) / vocab_.shortest_story()) {
    // One more than the longest story, as in the specification: every row then holds a whole story
    // and the start of the next.
    if (seq_len_ < vocab_.longest_story() + 1) {
      throw error<ConfigError>(
          "dataset.seq_len: expected at least {} for word-level zipf-stories, got {}: the longest "
          "story has {} tokens, and only whole stories are scored against the entropy floor.",
          vocab_.longest_story() + 1,
          seq_len_,
          vocab_.longest_story());
    }
  }

  int64_t vocab_size() const override { return vocab_.padded_size(); }
  int64_t seq_len() const override { return seq_len_; }
  std::optional<int64_t> train_tokens() const override { return std::nullopt; }

  double bytes_per_token() const override {
    // A pass over all characters (0.1 s): only for those who ask, and once.
    std::call_once(measured_, [this] {
      const zipf::Expectation mean = world_.expectation();
      bytes_per_token_ = mean.bytes_per_story / mean.tokens_per_story;
    });
    return bytes_per_token_;
  }

  std::string identity() const override {
    const zipf::WorldOptions& o = world_.options();
    return fmt::format("zipf-stories/1 seed={} characters={} exponent_e8={} grammar={} word/{}",
                       o.seed,
                       o.num_characters,
                       o.exponent_e8,
                       hash_text(world_.grammar().hash),
                       vocab_.size());
  }

  void fill_batch(uint64_t seed,
                  int64_t step,
                  int64_t rows,
                  std::span<int32_t> out) const override {
    check_batch(out, rows, seq_len_);
    const auto row_tokens = static_cast<size_t>(seq_len_ + 1);
    std::vector<int32_t> buffer(row_tokens + static_cast<size_t>(vocab_.longest_story()));
    const uint64_t start = seed % (kFirstValidationStory / kStoriesPerSeed) * kStoriesPerSeed;
    for (int64_t row = 0; row < rows; ++row) {
      const auto global_row = static_cast<uint64_t>(step * rows + row);
      // Wrapping keeps even the last seed below the validation stories.
      const uint64_t first = start + global_row * static_cast<uint64_t>(stories_per_row_);
      int32_t* end = buffer.data();
      for (uint64_t j = 0; end < buffer.data() + row_tokens; ++j) {
        end = vocab_.write(world_.form((first + j) % kFirstValidationStory), end);
      }
      std::copy_n(buffer.begin(), row_tokens, out.begin() + row * static_cast<int64_t>(row_tokens));
    }
  }

  EvalSet eval_set(int64_t min_scored_tokens) const override {
    StoryScorer scorer(seq_len_);
    std::vector<int32_t> story(static_cast<size_t>(vocab_.longest_story()));
    uint64_t first = kFirstValidationStory;
    do {
      const std::span<int32_t> row = scorer.add_row();
      size_t at = 0;
      for (uint64_t j = 0; at < row.size(); ++j) {
        const StoryForm form = world_.form(first + j);
        const auto count = static_cast<size_t>(vocab_.write(form, story.data()) - story.data());
        std::copy_n(story.begin(), std::min(count, row.size() - at), row.begin() + to_signed(at));
        scorer.score({to_signed(at),
                      to_signed(at + count),
                      world_.cost_nats(form),
                      static_cast<double>(world_.text(form).size())});
        at += count;
      }
      first += static_cast<uint64_t>(stories_per_row_);
    } while (scorer.scored_tokens() < min_scored_tokens);
    return scorer.finish();
  }

 private:
  static int64_t to_signed(size_t value) { return static_cast<int64_t>(value); }

  int64_t seq_len_;
  zipf::World world_;
  zipf::WordVocab vocab_;
  int64_t stories_per_row_;
  mutable std::once_flag measured_;
  mutable double bytes_per_token_ = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace

std::unique_ptr<Dataset> open_word_stories(const DatasetConfig& config) {
  return std::make_unique<WordStories>(config);
}

}  // namespace ff::data
