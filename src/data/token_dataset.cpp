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
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"
#include "flops_fit/util/long_work.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace ff::data {
namespace {

/// How much of each shard open_dataset() checks against the vocabulary (0.1 s); the rest is checked
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

using MappedFiles = std::vector<std::shared_ptr<const MappedFile>>;

MappedFiles map_files(const std::vector<CorpusFile>& files) {
  MappedFiles mapped;
  for (const CorpusFile& file : files) {
    mapped.push_back(std::make_shared<const MappedFile>(file.path));
  }
  return mapped;
}

/// Size and content of each file: all of it up to 256 MiB, of larger ones as much, spread evenly.
/// (Reading all of a 100 GB corpus for its name is too slow.)
std::string shard_identity(const std::string& corpus, const MappedFiles& files) {
  constexpr size_t kBlock = 1 << 20;
  constexpr size_t kBlocks = 256;
  const auto blocks_of = [](const MappedFile& file) {
    return (file.bytes().size() + kBlock - 1) / kBlock;
  };
  size_t all_blocks = 0;
  for (const auto& file : files) {
    all_blocks += std::min(blocks_of(*file), kBlocks);
  }
  LongWork work("reading " + corpus, static_cast<int64_t>(all_blocks * kBlock));
  std::string identity;
  for (const auto& file : files) {
    const std::string_view bytes = file->bytes();
    const size_t whole = blocks_of(*file);
    const size_t read = std::min(whole, kBlocks);
    identity += fmt::format("{} ", bytes.size());
    for (size_t i = 0; i < read; ++i) {
      const size_t block = read < 2 ? 0 : i * (whole - 1) / (read - 1);
      identity += fmt::format("{} ", content_hash(bytes.substr(block * kBlock, kBlock), work));
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

/// The files of a corpus of token shards.
struct Shards {
  MappedFiles train;
  MappedFiles validation;  ///< none: a part of `train` is held out
};

Shards map_shards(const DatasetConfig& config) {
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
  return {map_files(train), map_files(validation)};
}

/// What is noted of shards whose identity is known: what each file looked like.
std::string note_of(const Shards& shards, const std::string& identity) {
  std::string text = "flops-fit shards 1\n" + identity + "\n";
  for (const MappedFiles& files : {shards.train, shards.validation}) {
    for (const auto& file : files) {
      text += fmt::format("{} {}\n", file->path().string(), file->stamp());
    }
  }
  return text;
}

std::filesystem::path note_path(const DatasetConfig& config, const std::string& identity) {
  return std::filesystem::path(config.cache_dir) /
         fmt::format("shards-{}.note", hash_text(fnv1a(identity)));
}

/// Whether these files, as they are now, are noted under the identity.
bool is_noted(const DatasetConfig& config, const Shards& shards, const std::string& identity) {
  constexpr size_t kMostBytes = size_t{1} << 26;
  try {
    return !identity.empty() &&
           read_file(note_path(config, identity), kMostBytes) == note_of(shards, identity);
  } catch (const FileError&) {
    return false;
  }
}

/// `known`: their identity, if nobody has to read them to find it.
std::unique_ptr<Dataset> dataset_of(const DatasetConfig& config,
                                    const Shards& shards,
                                    const std::string& known) {
  const int64_t vocab = *config.vocab_size;
  TokenStream train_stream(vocab);
  TokenStream validation_stream(vocab);
  for (const auto& file : shards.train) {
    add_shard(train_stream, file);
  }
  for (const auto& file : shards.validation) {
    add_shard(validation_stream, file);
  }
  std::string split = "files";
  if (shards.validation.empty()) {
    const int64_t at = split_point(train_stream.size(), config.validation_fraction);
    validation_stream = train_stream.slice(at, train_stream.size());
    train_stream = train_stream.slice(0, at);
    split = fmt::format("{}", at);
  }
  const std::string settings = fmt::format(" split={} vocab={}", split, vocab);
  std::string identity = known;
  if (!known.ends_with(settings)) {
    train_stream.check_vocabulary(kCheckedTokens);
    validation_stream.check_vocabulary(kCheckedTokens);
    identity = fmt::format("shards train={} validation={}{}",
                           shard_identity(config.path, shards.train),
                           shard_identity(config.validation_path, shards.validation),
                           settings);
  }
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  Parts parts{std::move(train_stream),
              std::move(validation_stream),
              vocab,
              kUnknown,
              kUnknown,
              std::move(identity)};
  return std::make_unique<TokenDataset>(std::move(parts), config);
}

}  // namespace

std::unique_ptr<Dataset> open_cached_text(const DatasetConfig& config,
                                          std::shared_ptr<const TokenFile> file) {
  const TokenFileHeader& h = file->header();
  TokenStream all(h.vocab_size);
  all.add({file, &file->file()}, file->tokens(), static_cast<int>(h.token_bytes), h.tokens);
  const auto ratio = [](int64_t bytes, int64_t tokens) {
    return static_cast<double>(bytes) / static_cast<double>(std::max<int64_t>(tokens, 1));
  };
  Parts parts{all.slice(0, h.train_tokens),
              all.slice(h.train_tokens, h.tokens),
              h.vocab_size,
              ratio(h.text_bytes, h.tokens),
              ratio(h.text_bytes - h.train_text_bytes, h.tokens - h.train_tokens),
              "text " + token_file_identity(*file)};
  return std::make_unique<TokenDataset>(std::move(parts), config);
}

std::unique_ptr<Dataset> open_shards(const DatasetConfig& config, const std::string& identity) {
  const Shards shards = map_shards(config);
  return dataset_of(config, shards, is_noted(config, shards, identity) ? identity : "");
}

std::unique_ptr<Dataset> note_shards(const DatasetConfig& config) {
  const Shards shards = map_shards(config);
  auto dataset = dataset_of(config, shards, "");
  const std::string identity = dataset->identity();
  if (!is_noted(config, shards, identity)) {
    try {
      write_file_atomically(note_path(config, identity), note_of(shards, identity));
    } catch (const Error& problem) {
      spdlog::info("{} Every worker reads {} by itself.", problem.what(), config.path);
    }
  }
  return dataset;
}

}  // namespace ff::data
