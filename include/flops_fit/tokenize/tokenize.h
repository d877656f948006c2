// SPDX-License-Identifier: MIT
#pragma once
// The work of ff-tokenize: trains a sentencepiece model on a corpus (or takes a given one), and
// writes the corpus as a token file into the cache (data/tokenize.h says where).
#include "flops_fit/data/config.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace ff::tokenize {

struct TokenizeSummary {
  bool needed = true;   ///< false: this configuration has no token file; the rest is empty
  bool reused = false;  ///< the files were there already
  std::filesystem::path tokens_path;
  std::filesystem::path model_path;
  int64_t documents = 0;
  int64_t text_bytes = 0;
  int64_t tokens = 0;
  int64_t train_tokens = 0;
  int64_t vocab_size = 0;
  int64_t replaced_bytes = 0;  ///< that were not UTF-8
  double seconds = 0;
};

/// Does what is missing. Throws ConfigError, FileError, Error; a failure leaves no partial file.
TokenizeSummary tokenize(const data::DatasetConfig& config);

/// The same, from the argument of --dataset-json.
TokenizeSummary tokenize_json(std::string_view json);

/// One line for people.
[[nodiscard]] std::string describe(const TokenizeSummary& summary);

}  // namespace ff::tokenize
