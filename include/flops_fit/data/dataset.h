// SPDX-License-Identifier: MIT
#pragma once
// Batches and validation rows, whatever the corpus.
// A row is seq_len + 1 tokens: token t is the input and token t + 1 the target of position t.
// Everything is a pure function of its arguments, so that runs resume exactly, and several workers
// can share one corpus.
#include "flops_fit/data/config.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::data {

struct EvalSet {
  int64_t rows = 0;
  int64_t seq_len = 0;
  std::vector<int32_t> tokens;  ///< rows * (seq_len + 1)
  std::vector<uint8_t> scored;  ///< rows * seq_len: 1 where the target of the position counts
  int64_t scored_tokens = 0;
  /// Bytes of text behind the scored tokens; NaN for token shards, which do not say.
  double scored_bytes = 0;
  /// The lowest mean loss any model can have on the scored tokens [nats per token], where known.
  std::optional<double> floor_nats;
};

class Dataset {
 public:
  virtual ~Dataset() = default;

  /// Padded to a multiple of 8; every token id is smaller.
  [[nodiscard]] virtual int64_t vocab_size() const = 0;
  [[nodiscard]] virtual int64_t seq_len() const = 0;
  /// Tokens before training repeats itself; none = endless.
  [[nodiscard]] virtual std::optional<int64_t> train_tokens() const = 0;
  /// Mean bytes of text per token; NaN where not known (token shards).
  [[nodiscard]] virtual double bytes_per_token() const = 0;
  /// Names corpus, tokenizer and split by content: equal texts mean equal data.
  [[nodiscard]] virtual std::string identity() const = 0;
  /// False if somebody wrote to the files behind it since they were opened.
  [[nodiscard]] virtual bool unchanged() const { return true; }

  /// Fills `out` with the `rows` rows of training step `step` (from 0): rows * (seq_len + 1)
  /// tokens. `seed` chooses the order (text), or which stories (zipf-stories; 0 starts at story 0).
  virtual void fill_batch(uint64_t seed,
                          int64_t step,
                          int64_t rows,
                          std::span<int32_t> out) const = 0;

  /// The first validation rows that hold at least `min_scored_tokens` (for text: rows spread evenly
  /// over the held-out part, all of it if there are fewer). The same for every seed.
  [[nodiscard]] virtual EvalSet eval_set(int64_t min_scored_tokens) const = 0;
};

/// Opens the corpus after reading all of it and of its token file, to know that they are what they
/// were. Never tokenises: prepare_dataset() (data/tokenize.h) does. Throws ConfigError (settings),
/// FileError (corpus or cache missing, damaged or too small), StoppedError.
[[nodiscard]] std::unique_ptr<Dataset> open_dataset(const DatasetConfig& config);

/// Opens what somebody has just prepared and checked, by its Dataset::identity(). A text corpus is
/// not looked at, but its token file of that identity; token shards are read again only if their
/// size or times are others than when they were prepared. Throws as above, and Error if what is
/// there has another identity.
[[nodiscard]] std::unique_ptr<Dataset> open_dataset(const DatasetConfig& config,
                                                    const std::string& identity);

/// What Dataset::vocab_size() will be, without tokenising (a .model file is read, a corpus is not).
[[nodiscard]] int64_t planned_vocab_size(const DatasetConfig& config);

}  // namespace ff::data
