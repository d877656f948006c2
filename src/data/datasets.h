// SPDX-License-Identifier: MIT
#pragma once
// The kinds of Dataset behind open_dataset(); one file each.
#include "flops_fit/data/dataset.h"
#include "flops_fit/data/zipf/world.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace ff::data {

class TokenFile;

/// zipf-stories, word-level, made on the fly.
[[nodiscard]] std::unique_ptr<Dataset> open_word_stories(const DatasetConfig& config);
/// zipf-stories from a token file.
[[nodiscard]] std::unique_ptr<Dataset> open_cached_stories(const DatasetConfig& config,
                                                           std::shared_ptr<const TokenFile> file);
/// Text from a token file.
[[nodiscard]] std::unique_ptr<Dataset> open_cached_text(const DatasetConfig& config,
                                                        std::shared_ptr<const TokenFile> file);
/// One of the two.
[[nodiscard]] std::unique_ptr<Dataset> open_cached(const DatasetConfig& config,
                                                   std::shared_ptr<const TokenFile> file);

/// Token files made elsewhere. Their content is read (up to 256 MiB a file) unless note_shards()
/// has noted them under `identity` as they are now; empty: read in any case.
[[nodiscard]] std::unique_ptr<Dataset> open_shards(const DatasetConfig& config,
                                                   const std::string& identity);
/// open_shards() that reads them, and notes in dataset.cache_dir what they looked like.
[[nodiscard]] std::unique_ptr<Dataset> note_shards(const DatasetConfig& config);

[[nodiscard]] zipf::WorldOptions world_options(const DatasetConfig& config);

[[nodiscard]] inline int64_t padded_vocab(int64_t size) {
  return (size + 7) / 8 * 8;
}

/// One story of a validation row, for score_story().
struct ScoredStory {
  int64_t begin = 0;  ///< tokens [begin, end) of the row
  int64_t end = 0;
  double cost_nats = 0;
  double text_bytes = 0;  ///< without the newline
};

/// Adds up which targets of a row count: those of stories that the row holds whole. The newline
/// that starts the row is context, never a target.
class StoryScorer {
 public:
  explicit StoryScorer(int64_t seq_len) { set_.seq_len = seq_len; }

  /// Starts the next row and returns its tokens, to be filled.
  std::span<int32_t> add_row();
  void score(const ScoredStory& story);
  [[nodiscard]] int64_t scored_tokens() const { return set_.scored_tokens; }
  [[nodiscard]] EvalSet finish();

 private:
  EvalSet set_;
  double cost_nats_ = 0;
};

/// The token file of a key, by its header: its content is not looked at. Throws FileError.
[[nodiscard]] std::shared_ptr<const TokenFile> open_token_file(const DatasetConfig& config,
                                                               uint64_t key);
/// How an identity names the tokens of a token file.
[[nodiscard]] std::string token_file_identity(const TokenFile& file);

/// Throws ConfigError unless `out` has rows * (seq_len + 1) tokens (a bug of the caller).
void check_batch(std::span<const int32_t> out, int64_t rows, int64_t seq_len);

}  // namespace ff::data
