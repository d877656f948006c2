// SPDX-License-Identifier: MIT
#pragma once
// What to train on: the keys of the group `dataset`, shared by ff-plan, ff-train and ff-tokenize.
#include "flops_fit/config/field.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ff::data {

/// The world of the built-in corpus zipf-stories (data/zipf/world.h).
struct ZipfConfig {
  int64_t seed = 1;
  int64_t num_characters = 1 << 20;
  int exponent_e8 = 10;
  int64_t cached_stories = 200'000;

  template <class V>
  void visit(V& v) {
    v("seed", seed, {.doc = "Which world: other facts about other characters.", .min = 0});
    v("num_characters",
      num_characters,
      {.doc = "Characters in the world, at most 2^20.", .min = 1, .max = 1 << 20});
    v("exponent_e8",
      exponent_e8,
      {.doc =
           "Eight times the Zipf exponent of the characters: 10 means p ~ 1/rank^1.25. Larger is "
           "easier: 12 has a floor that a fit can find.",
       .min = 8,
       .max = 32});
    v("cached_stories",
      cached_stories,
      {.doc = "Stories written and tokenised once for dataset.tokenizer=sentencepiece; the word "
              "tokenizer makes them on the fly, without end.",
       .unit = "stories",
       .min = 100,
       .max = 1e9});
  }
};

struct DatasetConfig {
  std::string name = "zipf-stories";
  std::string path;
  std::string format = "auto";
  std::string text_field = "text";
  std::string validation_path;
  double validation_fraction = 0.1;
  std::string tokenizer = "auto";
  std::optional<int64_t> vocab_size;
  int64_t seq_len = 64;
  int64_t tokenizer_sample_bytes = 10'000'000;
  std::string cache_dir = ".cache/flops-fit";
  ZipfConfig zipf;

  template <class V>
  void visit(V& v) {
    v("name",
      name,
      {.doc = "A built-in corpus: zipf-stories (endless, generated, entropy known). Not used when "
              "dataset.path is set."});
    v("path",
      path,
      {.doc = "Your own corpus: a .txt, .jsonl or .bin file, a glob, or a folder (all .txt and "
              ".jsonl below it, or all .bin if it has no text)."});
    v("format",
      format,
      {.doc = "What the files of dataset.path are; auto goes by the file name.",
       .choices = {"auto", "text", "jsonl", "tokens"}});
    v("text_field", text_field, {.doc = "The field of each .jsonl object that holds the text."});
    v("validation_path",
      validation_path,
      {.doc = "A held-out corpus of the same kind. Empty: dataset.validation_fraction applies."});
    v("validation_fraction",
      validation_fraction,
      {.doc = "The last part of the corpus, held out for validation.", .min = 1e-6, .max = 0.9});
    v("tokenizer",
      tokenizer,
      {.doc = "auto (word for zipf-stories, sentencepiece for text, none for token files), word, "
              "sentencepiece (trains a BPE model on the corpus), none, or the path of a "
              "sentencepiece .model."});
    v("vocab_size",
      vocab_size,
      {.doc = "Vocabulary: of the sentencepiece model to train (256 to 8192, null = 1024), or of "
              "the token files given (required there: GPT-2 is 50257).",
       .unit = "tokens",
       .min = 1,
       .max = 2147483647});
    v("seq_len",
      seq_len,
      {.doc = "Targets per row: a row is seq_len + 1 tokens.",
       .unit = "tokens",
       .min = 1,
       .max = 1 << 20});
    v("tokenizer_sample_bytes",
      tokenizer_sample_bytes,
      {.doc = "How much of the training text the sentencepiece model is trained on, spread evenly.",
       .unit = "bytes",
       .min = 1000});
    v("cache_dir",
      cache_dir,
      {.doc = "Folder of tokenised corpora and trained tokenizers.", .identity = false});
    v("zipf", zipf, {.doc = "The world of zipf-stories."});
  }
};

/// Where the tokens come from, once `auto` is resolved.
enum class TokenizerKind {
  kWord,          ///< zipf-stories on the fly
  kTrain,         ///< a sentencepiece model trained on the corpus
  kModel,         ///< the sentencepiece model at dataset.tokenizer
  kPretokenized,  ///< token files
};

/// Vocabulary of a sentencepiece model when dataset.vocab_size is null.
inline constexpr int64_t kDefaultVocabSize = 1024;

/// Checks the settings that need no look at the corpus; throws ConfigError.
void check(const DatasetConfig& config);

/// The meaning of dataset.tokenizer and dataset.format; throws ConfigError for what cannot work
/// together, and for tokenizers we know and do not have. Looks at file names only.
[[nodiscard]] TokenizerKind tokenizer_kind(const DatasetConfig& config);

/// The configuration as one JSON object, and back (unknown keys are refused): how ff-train hands
/// its settings to ff-tokenize.
[[nodiscard]] std::string to_json(const DatasetConfig& config);
[[nodiscard]] DatasetConfig from_json(std::string_view json);

}  // namespace ff::data
