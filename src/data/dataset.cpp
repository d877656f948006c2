// SPDX-License-Identifier: MIT
#include "flops_fit/data/dataset.h"

#include "datasets.h"

#include "flops_fit/data/token_file.h"
#include "flops_fit/data/tokenize.h"
#include "flops_fit/data/zipf/word_vocab.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"
#include "flops_fit/util/paths.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace ff::data {

namespace {

/// The key in what token_file_identity() wrote; none if the text is not of that kind. It comes from
/// a file and becomes part of a path: 16 hexadecimal digits, and nothing else.
std::optional<uint64_t> token_file_key(std::string_view identity) {
  constexpr std::string_view kMark = "tokens=";
  constexpr size_t kDigits = 16;
  const size_t mark = identity.find(kMark);
  if (mark == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view digits = identity.substr(mark + kMark.size(), kDigits);
  uint64_t key = 0;
  const auto [end, failure] =
      std::from_chars(digits.data(), digits.data() + digits.size(), key, 16);
  return failure == std::errc() && hash_text(key) == digits ? std::optional(key) : std::nullopt;
}

void check_content(const TokenFile& file) {
  if (const auto problem = file.content_problem()) {
    throw FileError(*problem + " Delete it.");
  }
}

/// The data of a configuration; `identity` as in open_dataset(), or empty.
std::unique_ptr<Dataset> open(const DatasetConfig& config, const std::string& identity) {
  check(config);
  const TokenizerKind kind = tokenizer_kind(config);
  if (kind == TokenizerKind::kPretokenized) {
    return open_shards(config, identity);
  }
  if (kind == TokenizerKind::kWord) {
    return open_word_stories(config);
  }
  if (!identity.empty()) {
    const std::optional<uint64_t> key = token_file_key(identity);
    if (!key) {
      throw error<Error>("the data's identity names no token file: '{}'; start ff-train again.",
                         identity);
    }
    auto file = open_token_file(config, *key);
    if (!file->is_noted()) {
      check_content(*file);
    }
    return open_cached(config, std::move(file));
  }
  auto file = open_token_file(config, tokenize_job(config)->key);
  check_content(*file);
  return open_cached(config, std::move(file));
}

}  // namespace

std::unique_ptr<Dataset> open_dataset(const DatasetConfig& config) {
  return open(config, "");
}

std::unique_ptr<Dataset> open_dataset(const DatasetConfig& config, const std::string& identity) {
  auto dataset = open(config, identity);
  if (dataset->identity() != identity) {
    throw error<Error>(
        "the corpus or its tokenizer changed since ff-train started; start ff-train again.");
  }
  return dataset;
}

std::unique_ptr<Dataset> open_cached(const DatasetConfig& config,
                                     std::shared_ptr<const TokenFile> file) {
  return config.path.empty() ? open_cached_stories(config, std::move(file))
                             : open_cached_text(config, std::move(file));
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

std::shared_ptr<const TokenFile> open_token_file(const DatasetConfig& config, uint64_t key) {
  const std::filesystem::path path = token_file_path(config, key);
  if (is_missing(path)) {
    throw error<FileError>(
        "{}: no such file; it is the tokenised corpus, made by ff-tokenize with the same dataset "
        "settings.",
        path.string());
  }
  auto file = std::make_shared<const TokenFile>(path);
  if (file->header().key != key) {
    throw error<FileError>("{}: was made from another corpus or with other settings; delete it.",
                           path.string());
  }
  return file;
}

std::string token_file_identity(const TokenFile& file) {
  return fmt::format("tokens={} content={} vocab={}",
                     hash_text(file.header().key),
                     hash_text(file.header().content_hash),
                     file.header().vocab_size);
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
