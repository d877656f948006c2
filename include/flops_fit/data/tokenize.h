// SPDX-License-Identifier: MIT
#pragma once
// The token cache: what must be tokenised for a configuration, whether it has been, and how to have
// it done. The work itself needs sentencepiece, which may not share a process with LibTorch, so it
// is done by the program ff-tokenize:
//   ff-tokenize --dataset-json '{"path": ...}'
// takes the settings as to_json() writes them, logs to stderr, ends a failure with one line on
// stderr, and exits with the usual codes. Two of them at work on the same cache are harmless: each
// file is written beside and renamed.
#include "flops_fit/data/config.h"
#include "flops_fit/data/corpus.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace ff::data {

/// One token file to be made.
struct TokenizeJob {
  DatasetConfig config;
  TokenizerKind tokenizer = TokenizerKind::kTrain;  ///< kTrain or kModel
  std::vector<CorpusFile> files;                    ///< none: stories of zipf-stories
  std::vector<CorpusFile> validation_files;         ///< none: a part of `files` is held out
  /// Hash of everything that decides the tokens: contents (not names or times) and settings.
  uint64_t key = 0;
  std::filesystem::path tokens_path;  ///< <cache_dir>/<corpus name>-<key>.tokens
  std::filesystem::path model_path;   ///< beside it (kTrain), or the one given (kModel)

  [[nodiscard]] bool generated() const { return files.empty(); }
  [[nodiscard]] int64_t vocab_size() const {  ///< to train
    return config.vocab_size.value_or(kDefaultVocabSize);
  }
};

/// The job of a configuration, or none if it needs no tokenising (word-level zipf-stories, token
/// shards). Reads the corpus once, to hash it. Throws ConfigError, FileError.
[[nodiscard]] std::optional<TokenizeJob> tokenize_job(const DatasetConfig& config);

/// Where the token file of a configuration belongs; empty if it needs none.
[[nodiscard]] std::filesystem::path token_cache_path(const DatasetConfig& config);

/// Why the job has to be done (again): a file is missing, damaged, or of another corpus or
/// tokenizer. None: it has been done.
[[nodiscard]] std::optional<std::string> cache_problem(const TokenizeJob& job);

/// Makes the token file if it is missing or damaged, by running `program` (empty: ff-tokenize
/// beside the running program). Its messages go to stderr as they come. Throws the kind of error
/// its exit code stands for, with its last line.
void ensure_token_cache(const DatasetConfig& config, const std::filesystem::path& program = {});

/// The number of pieces of a sentencepiece model, from its file alone. Throws FileError.
[[nodiscard]] int64_t model_vocab_size(const std::filesystem::path& model);

}  // namespace ff::data
