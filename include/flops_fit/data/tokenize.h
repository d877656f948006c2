// SPDX-License-Identifier: MIT
#pragma once
// The token cache: what must be tokenised for a configuration, whether it has been, and how to have
// it done. The work itself needs sentencepiece, which may not share a process with LibTorch, so it
// is done by the program ff-tokenize:
//   ff-tokenize --dataset-json '{"path": ...}' --started-by PID
// takes the settings as to_json() writes them, logs to stderr, hands its progress to its parent
// (util/long_work.h), ends a failure with one line on stderr, exits with the usual codes, and ends
// with the process PID. Two of them at work on the same cache are harmless: each file is written
// beside and renamed.
#include "flops_fit/data/config.h"
#include "flops_fit/data/corpus.h"
#include "flops_fit/data/dataset.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
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
/// shards). Reads the corpus once, to hash it. Throws ConfigError, FileError, StoppedError.
[[nodiscard]] std::optional<TokenizeJob> tokenize_job(const DatasetConfig& config);

/// Where the token file of a configuration belongs; empty if it needs none.
[[nodiscard]] std::filesystem::path token_cache_path(const DatasetConfig& config);

/// Where the token file of a key belongs.
[[nodiscard]] std::filesystem::path token_file_path(const DatasetConfig& config, uint64_t key);

/// Why the job has to be done (again): a file is missing, damaged, or of another corpus or
/// tokenizer. None: it has been done. Reads the whole token file. Throws StoppedError.
[[nodiscard]] std::optional<std::string> cache_problem(const TokenizeJob& job);

/// Makes the token file if it is missing or damaged, by running `program` (empty: ff-tokenize
/// beside the running program), and returns the job that is done then; none if there is none to do.
/// The program's messages go to stderr as they come. Throws the kind of error its exit code stands
/// for, with its last line; StoppedError after a stop signal, when the program has ended too.
std::optional<TokenizeJob> ensure_token_cache(const DatasetConfig& config,
                                              const std::filesystem::path& program = {});

/// What is done once for many workers: ensure_token_cache(), and the data opened. The workers then
/// call open_dataset(config, identity), and read neither the corpus nor the token file as a whole.
[[nodiscard]] std::unique_ptr<Dataset> prepare_dataset(const DatasetConfig& config,
                                                       const std::filesystem::path& program = {});

/// The number of pieces of a sentencepiece model, from its file alone. Throws FileError.
[[nodiscard]] int64_t model_vocab_size(const std::filesystem::path& model);

}  // namespace ff::data
