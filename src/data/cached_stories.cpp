// SPDX-License-Identifier: MIT
// zipf-stories from a token file (dataset.tokenizer=sentencepiece): the same packing, mask and
// floor as word-level, over dataset.zipf.cached_stories stories. Each story is "\n" and its text;
// training stories are 0, 1, ..., validation stories those from 10^12 on. Each epoch shuffles the
// rows.
#include "datasets.h"

#include "flops_fit/data/shuffle.h"
#include "flops_fit/data/token_file.h"
#include "flops_fit/data/token_stream.h"
#include "flops_fit/data/zipf/random.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <utility>

namespace ff::data {
namespace {

using zipf::kFirstValidationStory;
class CachedStories final : public Dataset {
 public:
  CachedStories(const DatasetConfig& config, std::shared_ptr<const TokenFile> file)
      : seq_len_(config.seq_len),
        world_(world_options(config)),
        file_(std::move(file)),
        stream_(file_->header().vocab_size) {
    const TokenFileHeader& h = file_->header();
    stream_.add(
        {file_, &file_->file()}, file_->tokens(), static_cast<int>(h.token_bytes), h.tokens);
    int64_t shortest = INT64_MAX;
    int64_t fitting = 0;
    for (int64_t story = 0; story < h.starts; ++story) {
      const int64_t length = start(story + 1) - start(story);
      shortest = std::min(shortest, length);
      fitting += length <= seq_len_ + 1 ? 1 : 0;
    }
    // Stories that do not fit are never scored. The floor stays exact without them (it is the cost
    // of the scored stories), but with too many left out it says little about the corpus.
    if (fitting < h.starts / 2 + 1) {
      throw error<ConfigError>(
          "dataset.seq_len: {} is too short: only {} of {} stories fit into a row with this "
          "tokenizer (the shortest has {} tokens), and only whole stories are scored; use a larger "
          "dataset.seq_len or dataset.vocab_size.",
          seq_len_,
          fitting,
          h.starts,
          shortest);
    }
    stories_per_row_ = (seq_len_ + shortest) / shortest;
    train_rows_ = h.train_starts / stories_per_row_;
    validation_rows_ = (h.starts - h.train_starts) / stories_per_row_;
    if (train_rows_ < 1 || validation_rows_ < 1) {
      throw error<ConfigError>(
          "dataset.zipf.cached_stories: {} stories make {} training and {} validation rows; use "
          "more stories.",
          h.starts,
          train_rows_,
          validation_rows_);
    }
  }

  int64_t vocab_size() const override { return padded_vocab(file_->header().vocab_size); }
  int64_t seq_len() const override { return seq_len_; }
  std::optional<int64_t> train_tokens() const override { return file_->header().train_tokens; }
  double bytes_per_token() const override {
    return static_cast<double>(file_->header().text_bytes) /
           static_cast<double>(file_->header().tokens);
  }
  std::string identity() const override { return "zipf-stories/1 " + token_file_identity(*file_); }

  bool unchanged() const override { return !file_->file().changed(); }

  void fill_batch(uint64_t seed,
                  int64_t step,
                  int64_t rows,
                  std::span<int32_t> out) const override {
    check_batch(out, rows, seq_len_);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t global_row = step * rows + row;
      const auto epoch = static_cast<uint64_t>(global_row / train_rows_);
      const uint64_t index = shuffled(static_cast<uint64_t>(global_row % train_rows_),
                                      static_cast<uint64_t>(train_rows_),
                                      zipf::mix(zipf::mix(seed) + epoch));
      stream_.read(start(static_cast<int64_t>(index) * stories_per_row_),
                   out.subspan(static_cast<size_t>(row * (seq_len_ + 1)),
                               static_cast<size_t>(seq_len_ + 1)));
    }
  }

  EvalSet eval_set(int64_t min_scored_tokens) const override {
    StoryScorer scorer(seq_len_);
    const int64_t first_validation = file_->header().train_starts;
    for (int64_t r = 0; r < validation_rows_; ++r) {
      int64_t story = first_validation + r * stories_per_row_;
      const int64_t origin = start(story);
      if (start(story + 1) - origin > seq_len_ + 1) {
        continue;  // nothing to score in this row
      }
      const std::span<int32_t> row = scorer.add_row();
      stream_.read(origin, row);
      for (; story < file_->header().starts && start(story) - origin <= seq_len_; ++story) {
        const zipf::Story made =
            world_.story(kFirstValidationStory + static_cast<uint64_t>(story - first_validation));
        scorer.score({start(story) - origin,
                      start(story + 1) - origin,
                      made.cost_nats,
                      static_cast<double>(made.text.size())});
      }
      if (scorer.scored_tokens() >= min_scored_tokens) {
        break;
      }
    }
    return scorer.finish();
  }

 private:
  /// Where a story starts, in tokens; one past the last story is the end of the file.
  int64_t start(int64_t story) const {
    const auto starts = file_->starts();
    return story < file_->header().starts ? static_cast<int64_t>(starts[static_cast<size_t>(story)])
                                          : file_->header().tokens;
  }

  int64_t seq_len_;
  zipf::World world_;
  std::shared_ptr<const TokenFile> file_;
  TokenStream stream_;
  int64_t stories_per_row_ = 1;
  int64_t train_rows_ = 0;
  int64_t validation_rows_ = 0;
};

}  // namespace

std::unique_ptr<Dataset> open_cached_stories(const DatasetConfig& config,
                                             std::shared_ptr<const TokenFile> file) {
  return std::make_unique<CachedStories>(config, std::move(file));
}

}  // namespace ff::data
