// SPDX-License-Identifier: MIT
// Text from the token cache, and token shards made elsewhere: contiguous rows.
// Training: rows of seq_len + 1 tokens at stride seq_len, from an offset that changes with seed and
// epoch, so that rows are cut elsewhere each time; each epoch visits each row once, in an order of
// its own. Validation: rows spread evenly over the held-out part, every target scored.
#include "datasets.h"

#include "flops_fit/data/corpus.h"
#include "flops_fit/data/shuffle.h"
#include "flops_fit/data/token_file.h"
#include "flops_fit/data/token_stream.h"
#include "flops_fit/data/zipf/random.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ff::data {
namespace {

/// How much of each file open_dataset() checks against the vocabulary (0.1 s); the rest is checked
/// as it is read.
constexpr int64_t kCheckedTokens = int64_t{1} << 26;

struct Parts {
  TokenStream train;
  TokenStream validation;
  int64_t vocab_size;
  double bytes_per_token;             ///< NaN = not known
  double validation_bytes_per_token;  ///< NaN = not known
  std::string identity;
};

class TokenDataset final : public Dataset {
 public:
  TokenDataset(Parts parts, const DatasetConfig& config)
      : parts_(std::move(parts)), seq_len_(config.seq_len) {
    const std::string advice =
        "use more text, a smaller dataset.seq_len, or another dataset.validation_fraction";
    if (parts_.train.size() < 2 * seq_len_) {
      throw error<FileError>(
          "{}: too small: {} training tokens, and dataset.seq_len={} needs at least {}; {}.",
          config.path,
          parts_.train.size(),
          seq_len_,
          2 * seq_len_,
          advice);
    }
    if (parts_.validation.size() < seq_len_ + 1) {
      throw error<FileError>(
          "{}: too small: {} validation tokens, and dataset.seq_len={} needs at least {}; {}.",
          config.validation_path.empty() ? config.path : config.validation_path,
          parts_.validation.size(),
          seq_len_,
          seq_len_ + 1,
          advice);
    }
    // For the largest offset (seq_len - 1) too, so that all epochs have the same number of rows.
    rows_per_epoch_ = (parts_.train.size() - seq_len_) / seq_len_;
  }

  int64_t vocab_size() const override { return padded_vocab(parts_.vocab_size); }
  int64_t seq_len() const override { return seq_len_; }
  std::optional<int64_t> train_tokens() const override { return parts_.train.size(); }
  double bytes_per_token() const override { return parts_.bytes_per_token; }
  std::string identity() const override { return parts_.identity; }
  bool unchanged() const override {
    return parts_.train.unchanged() && parts_.validation.unchanged();
  }

  void fill_batch(uint64_t seed,
                  int64_t step,
                  int64_t rows,
                  std::span<int32_t> out) const override {
    check_batch(out, rows, seq_len_);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t global_row = step * rows + row;
      const auto epoch = static_cast<uint64_t>(global_row / rows_per_epoch_);
      const uint64_t key = zipf::mix(zipf::mix(seed) + epoch);
      const uint64_t offset = zipf::pick(zipf::mix(key), static_cast<uint64_t>(seq_len_));
      const uint64_t index = shuffled(static_cast<uint64_t>(global_row % rows_per_epoch_),
                                      static_cast<uint64_t>(rows_per_epoch_),
                                      key);
      parts_.train.read(static_cast<int64_t>(offset) + static_cast<int64_t>(index) * seq_len_,
                        out.subspan(static_cast<size_t>(row * (seq_len_ + 1)),
                                    static_cast<size_t>(seq_len_ + 1)));
    }
  }

  EvalSet eval_set(int64_t min_scored_tokens) const override {
    const int64_t available = (parts_.validation.size() - 1) / seq_len_;
    EvalSet set;
    set.seq_len = seq_len_;
    set.rows = std::clamp<int64_t>((min_scored_tokens + seq_len_ - 1) / seq_len_, 1, available);
    set.tokens.resize(static_cast<size_t>(set.rows * (seq_len_ + 1)));
    set.scored.assign(static_cast<size_t>(set.rows * seq_len_), 1);
    for (int64_t row = 0; row < set.rows; ++row) {
      const auto spread =
          static_cast<int64_t>(static_cast<zipf::uint128>(row) * static_cast<uint64_t>(available) /
                               static_cast<uint64_t>(set.rows));
      parts_.validation.read(spread * seq_len_,
                             std::span(set.tokens)
                                 .subspan(static_cast<size_t>(row * (seq_len_ + 1)),
                                          static_cast<size_t>(seq_len_ + 1)));
    }
    set.scored_tokens = set.rows * seq_len_;
    // From the mean of the held-out part: pieces of a row have no known byte count here.
    set.scored_bytes = static_cast<double>(set.scored_tokens) * parts_.validation_bytes_per_token;
    return set;
  }

 private:
  Parts parts_;
  int64_t seq_len_;
  int64_t rows_per_epoch_ = 0;
};

/// Size and content of each file: all of it up to 256 MiB, of larger ones as much, spread evenly.
/// (Reading all of a 100 GB corpus for its name is too slow.)
std::string shard_identity(const std::vector<CorpusFile>& files) {
  constexpr size_t kBlock = 1 << 20;
  constexpr size_t kBlocks = 256;
  std::string identity;
  for (const CorpusFile& file : files) {
    const MappedFile mapped(file.path);
    const std::string_view bytes = mapped.bytes();
    const size_t whole = (bytes.size() + kBlock - 1) / kBlock;
    const size_t read = std::min(whole, kBlocks);
    identity += fmt::format("{} ", bytes.size());
    for (size_t i = 0; i < read; ++i) {
      const size_t block = read < 2 ? 0 : i * (whole - 1) / (read - 1);
      identity += fmt::format("{} ", content_hash(bytes.substr(block * kBlock, kBlock)));
    }
  }
  return hash_text(fnv1a(identity));
}

/// Splits shards into training and validation by *train* and *val* in their names, if both occur.
bool split_by_name(const std::string& path,
                   std::vector<CorpusFile>& train,
                   std::vector<CorpusFile>& validation) {
  std::vector<CorpusFile> named_train, named_validation, others;
  for (const CorpusFile& file : train) {
    const std::string name = file.path.filename().string();
    (name.find("train") != std::string::npos ? named_train
     : name.find("val") != std::string::npos ? named_validation
                                             : others)
        .push_back(file);
  }
  if (named_train.empty() || named_validation.empty()) {
    return false;
  }
  if (!others.empty()) {
    throw error<ConfigError>(
        "dataset.path: {} has *train* and *val* files, and also {}, which is neither; narrow the "
        "path "
        "with a glob.",
        path,
        others.front().path.filename().string());
  }
  train = std::move(named_train);
  validation = std::move(named_validation);
  return true;
}

int64_t split_point(int64_t tokens, double validation_fraction) {
  return tokens -
         static_cast<int64_t>(std::ceil(static_cast<double>(tokens) * validation_fraction));
}

}  // namespace

std::unique_ptr<Dataset> open_cached_text(const DatasetConfig& config) {
  const std::shared_ptr<const TokenFile> file = open_token_cache(config);
  const TokenFileHeader& h = file->header();
  TokenStream all(h.vocab_size);
  all.add({file, &file->file()}, file->tokens(), static_cast<int>(h.token_bytes), h.tokens);
  all.check_vocabulary(kCheckedTokens);
  const auto ratio = [](int64_t bytes, int64_t tokens) {
    return static_cast<double>(bytes) / static_cast<double>(std::max<int64_t>(tokens, 1));
  };
  Parts parts{all.slice(0, h.train_tokens),
              all.slice(h.train_tokens, h.tokens),
              h.vocab_size,
              ratio(h.text_bytes, h.tokens),
              ratio(h.text_bytes - h.train_text_bytes, h.tokens - h.train_tokens),
              fmt::format("text tokens={} vocab={}", hash_text(h.key), h.vocab_size)};
  return std::make_unique<TokenDataset>(std::move(parts), config);
}

std::unique_ptr<Dataset> open_shards(const DatasetConfig& config) {
  std::vector<CorpusFile> train = find_corpus_files(config.path, config.format, "dataset.path");
  std::vector<CorpusFile> validation;
  if (!config.validation_path.empty()) {
    validation =
        find_corpus_files(config.validation_path, config.format, "dataset.validation_path");
    if (validation.front().kind != FileKind::kTokens) {
      throw error<ConfigError>("dataset.validation_path: {} is text, but the corpus is tokens.",
                               config.validation_path);
    }
  } else {
    split_by_name(config.path, train, validation);
  }
  const int64_t vocab = *config.vocab_size;
  TokenStream train_stream(vocab);
  TokenStream validation_stream(vocab);
  for (const CorpusFile& file : train) {
    add_shard(train_stream, file.path);
  }
  for (const CorpusFile& file : validation) {
    add_shard(validation_stream, file.path);
  }
  train_stream.check_vocabulary(kCheckedTokens);
  validation_stream.check_vocabulary(kCheckedTokens);
  std::string split = "files";
  if (validation.empty()) {
    const int64_t at = split_point(train_stream.size(), config.validation_fraction);
    validation_stream = train_stream.slice(at, train_stream.size());
    train_stream = train_stream.slice(0, at);
    split = fmt::format("{}", at);
  }
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  Parts parts{std::move(train_stream),
              std::move(validation_stream),
              vocab,
              kUnknown,
              kUnknown,
              fmt::format("shards train={} validation={} split={} vocab={}",
                          shard_identity(train),
                          shard_identity(validation),
                          split,
                          vocab)};
  return std::make_unique<TokenDataset>(std::move(parts), config);
}

}  // namespace ff::data
