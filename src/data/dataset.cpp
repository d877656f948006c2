// SPDX-License-Identifier: MIT
#include "flops_fit/data/dataset.h"

#include "datasets.h"

#include "flops_fit/data/token_file.h"
#include "flops_fit/data/tokenize.h"
#include "flops_fit/data/zipf/word_vocab.h"
#include "flops_fit/util/error.h"

#include <algorithm>

namespace ff::data {

std::unique_ptr<Dataset> open_dataset(const DatasetConfig& config) {
  check(config);
  const TokenizerKind kind = tokenizer_kind(config);
  if (kind == TokenizerKind::kPretokenized) {
    return open_shards(config);
  }
  if (kind == TokenizerKind::kWord) {
    return open_word_stories(config);
  }
  return config.path.empty() ? open_cached_stories(config) : open_cached_text(config);
}

int64_t planned_vocab_size(const DatasetConfig& config) {
  check(config);
  switch (tokenizer_kind(config)) {
    case TokenizerKind::kWord:
      return zipf::WordVocab(zipf::builtin_grammar()).padded_size();
    case TokenizerKind::kModel:
      return padded_vocab(model_vocab_size(config.tokenizer));
    default:
      return padded_vocab(config.vocab_size.value_or(kDefaultVocabSize));
  }
}

zipf::WorldOptions world_options(const DatasetConfig& config) {
  return {
      static_cast<uint64_t>(config.zipf.seed), config.zipf.num_characters, config.zipf.exponent_e8};
}

std::shared_ptr<const TokenFile> open_token_cache(const DatasetConfig& config) {
  const std::optional<TokenizeJob> job = tokenize_job(config);
  if (!std::filesystem::exists(job->tokens_path)) {
    throw error<FileError>(
        "{}: no such file; it is the tokenised corpus, made by ff-tokenize with the same dataset "
        "settings.",
        job->tokens_path.string());
  }
  auto file = std::make_shared<const TokenFile>(job->tokens_path);
  if (file->header().key != job->key) {
    throw error<FileError>("{}: was made from another corpus or with other settings; delete it.",
                           job->tokens_path.string());
  }
  return file;
}

void check_batch(std::span<const int32_t> out, int64_t rows, int64_t seq_len) {
  if (rows < 0 || static_cast<int64_t>(out.size()) != rows * (seq_len + 1)) {
    throw error<Error>("fill_batch: expected room for {} rows of {} tokens, got {} tokens.",
                       rows,
                       seq_len + 1,
                       out.size());
  }
}

std::span<int32_t> StoryScorer::add_row() {
  ++set_.rows;
  set_.tokens.resize(static_cast<size_t>(set_.rows * (set_.seq_len + 1)));
  set_.scored.resize(static_cast<size_t>(set_.rows * set_.seq_len));
  return std::span(set_.tokens).last(static_cast<size_t>(set_.seq_len + 1));
}

void StoryScorer::score(const ScoredStory& story) {
  if (story.end > set_.seq_len + 1) {
    return;
  }
  // The target of position p is token p + 1.
  const int64_t first = std::max<int64_t>(story.begin, 1);
  const auto mask = std::span(set_.scored).last(static_cast<size_t>(set_.seq_len));
  for (int64_t token = first; token < story.end; ++token) {
    mask[static_cast<size_t>(token - 1)] = 1;
  }
  set_.scored_tokens += story.end - first;
  set_.scored_bytes += story.text_bytes + (story.begin > 0 ? 1 : 0);
  cost_nats_ += story.cost_nats;
}

EvalSet StoryScorer::finish() {
  if (set_.scored_tokens > 0) {
    set_.floor_nats = cost_nats_ / static_cast<double>(set_.scored_tokens);
  }
  return std::move(set_);
}

}  // namespace ff::data
