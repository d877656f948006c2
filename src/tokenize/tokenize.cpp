// SPDX-License-Identifier: MIT
#include "flops_fit/tokenize/tokenize.h"

#include "flops_fit/data/corpus.h"
#include "flops_fit/data/mapped_file.h"
#include "flops_fit/data/token_file.h"
#include "flops_fit/data/tokenize.h"
#include "flops_fit/data/zipf/world.h"
#include "flops_fit/tokenize/sentencepiece.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/long_work.h"
#include "flops_fit/util/paths.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>
#include <system_error>

namespace ff::tokenize {
namespace {

using data::CorpusSummary;
using data::TokenizeJob;
namespace zipf = data::zipf;

/// Lines are cut here, before a space: pieces do not cross spaces, so the tokens stay the same.
constexpr size_t kPieceBytes = 16384;

using Visit = std::function<void(std::string_view)>;

/// Both parts of a corpus, one document at a time; the stories of zipf-stories are documents.
class Source {
 public:
  explicit Source(const TokenizeJob& job) : job_(job) {
    if (job.generated()) {
      const data::ZipfConfig& zipf = job.config.zipf;
      world_.emplace(zipf::WorldOptions{
          static_cast<uint64_t>(zipf.seed), zipf.num_characters, zipf.exponent_e8});
      const auto all = static_cast<double>(zipf.cached_stories);
      validation_stories_ = static_cast<int64_t>(std::ceil(all * job.config.validation_fraction));
    }
  }

  /// Whether validation has documents of its own; otherwise the end of training is held out.
  bool separate_validation() const { return job_.generated() || !job_.validation_files.empty(); }

  CorpusSummary training(const Visit& visit) const {
    return job_.generated()
               ? stories(0, job_.config.zipf.cached_stories - validation_stories_, visit)
               : data::for_each_document(job_.files, job_.config.text_field, visit);
  }

  CorpusSummary validation(const Visit& visit) const {
    return job_.generated()
               ? stories(zipf::kFirstValidationStory, validation_stories_, visit)
               : data::for_each_document(job_.validation_files, job_.config.text_field, visit);
  }

 private:
  CorpusSummary stories(uint64_t first, int64_t count, const Visit& visit) const {
    CorpusSummary summary;
    summary.documents = count;
    for (int64_t i = 0; i < count; ++i) {
      // The newline leads, so that a row that starts with a story starts with the newline.
      const std::string text = '\n' + world_->story(first + static_cast<uint64_t>(i)).text;
      summary.bytes += static_cast<int64_t>(text.size());
      visit(text);
    }
    return summary;
  }

  const TokenizeJob& job_;
  std::optional<data::zipf::World> world_;
  int64_t validation_stories_ = 0;
};

/// Lines for the trainer from the first `train_bytes` of the corpus, evenly spread, about
/// `sample_bytes` of them.
std::vector<std::string> sample_lines(const Source& source,
                                      int64_t train_bytes,
                                      int64_t sample_bytes) {
  const double keep =
      std::min(1.0, static_cast<double>(sample_bytes) / static_cast<double>(train_bytes));
  std::vector<std::string> lines;
  int64_t seen = 0;
  double due = 0;
  source.training([&](std::string_view document) {
    data::for_each_piece(document, kPieceBytes, [&](std::string_view piece) {
      if (seen >= train_bytes) {
        return;
      }
      seen += static_cast<int64_t>(piece.size());
      due += keep * static_cast<double>(piece.size());
      if (piece.ends_with('\n')) {
        piece.remove_suffix(1);
      }
      if (!piece.empty() && due > 0) {
        due -= static_cast<double>(piece.size() + 1);
        lines.emplace_back(piece);
      }
    });
  });
  return lines;
}

std::string corpus_label(const TokenizeJob& job) {
  return job.generated() ? job.config.name : job.config.path;
}

/// The hash of the model that the token file of the job was made with; none if there is no such
/// file, or its header is damaged.
std::optional<uint64_t> noted_model_hash(const TokenizeJob& job) {
  try {
    const data::TokenFileHeader header = data::TokenFile(job.tokens_path).header();
    return header.key == job.key ? std::optional(header.tokenizer_hash) : std::nullopt;
  } catch (const FileError&) {
    return std::nullopt;
  }
}

/// Trains the model of the job unless it is there as it was trained. A model can be damaged and
/// still load, so only the hash tells.
void make_model(const TokenizeJob& job, const Source& source, int64_t train_bytes) {
  const std::optional<uint64_t> noted = noted_model_hash(job);
  if (noted && !is_missing(job.model_path)) {
    if (*noted == data::content_hash(data::MappedFile(job.model_path).bytes())) {
      return;
    }
    spdlog::warn("{}: damaged. It is trained again.", job.model_path.string());
  }
  const std::vector<std::string> lines =
      sample_lines(source, train_bytes, job.config.tokenizer_sample_bytes);
  if (lines.empty()) {
    throw error<FileError>("{}: no text to train a tokenizer on; use a larger corpus.",
                           corpus_label(job));
  }
  spdlog::info("training a sentencepiece model of {} pieces on {} lines of {}",
               job.vocab_size(),
               lines.size(),
               corpus_label(job));
  write_file_atomically(job.model_path, train_bpe(lines, job.vocab_size()));
}

/// Encodes documents into a token file.
class Encoder {
 public:
  Encoder(const SentencePiece& model, data::TokenFileWriter& out, bool stories, LongWork& work)
      : model_(model), out_(out), stories_(stories), work_(work) {}

  /// `train_bytes`: the text after so many bytes is held out (at the next line).
  void document(std::string_view text, std::optional<int64_t> train_bytes) {
    if (stories_) {
      out_.mark_start();
    }
    out_.add_text(0, 1);
    data::for_each_piece(text, kPieceBytes, [&](std::string_view piece) {
      if (train_bytes && bytes_ >= *train_bytes) {
        out_.begin_validation();
      }
      append(piece);
    });
    // Stories end at the newline of the next one; other documents need an end of their own.
    if (!stories_ && model_.end_id() >= 0) {
      const int32_t end = model_.end_id();
      out_.append(std::span(&end, 1));
    }
  }

 private:
  void append(std::string_view piece) {
    ids_.clear();
    model_.encode(piece, ids_);
    out_.append(ids_);
    out_.add_text(static_cast<int64_t>(piece.size()), 0);
    bytes_ += static_cast<int64_t>(piece.size());
    work_.add(static_cast<int64_t>(piece.size()));
  }

  const SentencePiece& model_;
  data::TokenFileWriter& out_;
  bool stories_;
  LongWork& work_;
  int64_t bytes_ = 0;
  std::vector<int32_t> ids_;
};

CorpusSummary count(const TokenizeJob& job, const Source& source) {
  int64_t bytes = 0;
  std::error_code missing;
  for (const data::CorpusFile& file : job.files) {
    const auto size = std::filesystem::file_size(file.path, missing);
    bytes += missing ? 0 : static_cast<int64_t>(size);
  }
  LongWork work("counting " + corpus_label(job), bytes);
  return source.training(
      [&](std::string_view text) { work.add(static_cast<int64_t>(text.size())); });
}

void warn_replaced(const CorpusSummary& summary) {
  if (summary.replaced_bytes > 0) {
    spdlog::warn("{} bytes are not UTF-8 text and became U+FFFD, the first at {}",
                 summary.replaced_bytes,
                 summary.first_replaced);
  }
}

TokenizeSummary summary_of(const TokenizeJob& job, const data::TokenFileHeader& header) {
  TokenizeSummary summary;
  summary.tokens_path = job.tokens_path;
  summary.model_path = job.model_path;
  summary.documents = header.documents;
  summary.text_bytes = header.text_bytes;
  summary.tokens = header.tokens;
  summary.train_tokens = header.train_tokens;
  summary.vocab_size = header.vocab_size;
  return summary;
}

}  // namespace

TokenizeSummary tokenize(const data::DatasetConfig& config) {
  const auto begin = std::chrono::steady_clock::now();
  const std::optional<TokenizeJob> job = data::tokenize_job(config);
  if (!job) {
    TokenizeSummary nothing;
    nothing.needed = false;
    return nothing;
  }
  const auto problem = data::cache_problem(*job);
  if (!problem) {
    TokenizeSummary summary = summary_of(*job, data::TokenFile(job->tokens_path).header());
    summary.reused = true;
    return summary;
  }
  if (!is_missing(job->tokens_path)) {
    spdlog::warn("{} It is made again.", *problem);
  }
  remove_dead_temporaries(config.cache_dir);

  const Source source(*job);
  // Counted first: the split between training and validation, and the sample for the tokenizer, go
  // by the size of the whole.
  const CorpusSummary counted = count(*job, source);
  warn_replaced(counted);
  if (counted.bytes == 0) {
    throw error<FileError>("{}: the corpus has no text.", corpus_label(*job));
  }
  std::optional<int64_t> split;
  if (!source.separate_validation()) {
    split =
        static_cast<int64_t>(static_cast<double>(counted.bytes) * (1 - config.validation_fraction));
  }
  if (job->tokenizer == data::TokenizerKind::kTrain) {
    make_model(*job, source, split.value_or(counted.bytes));
  }
  const SentencePiece model(job->model_path);
  const uint64_t model_hash = data::content_hash(data::MappedFile(job->model_path).bytes());
  spdlog::info(
      "tokenising {} ({}B)", corpus_label(*job), format_count(static_cast<double>(counted.bytes)));
  data::TokenFileHeader header;
  CorpusSummary validation;
  LongWork work("tokenising " + corpus_label(*job), counted.bytes);
  write_atomically(job->tokens_path, [&](const std::filesystem::path& temporary) {
    data::TokenFileWriter out(temporary, model.vocab_size(), job->key, model_hash);
    Encoder encoder(model, out, job->generated(), work);
    source.training([&](std::string_view text) { encoder.document(text, split); });
    if (source.separate_validation()) {
      out.begin_validation();
      validation =
          source.validation([&](std::string_view text) { encoder.document(text, std::nullopt); });
      if (validation.bytes == 0) {
        throw error<FileError>("{}: the validation corpus has no text.", config.validation_path);
      }
    }
    header = out.finish();
  });
  warn_replaced(validation);
  TokenizeSummary summary = summary_of(*job, header);
  summary.replaced_bytes = counted.replaced_bytes + validation.replaced_bytes;
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return summary;
}

TokenizeSummary tokenize_json(std::string_view json) {
  return tokenize(data::from_json(json));
}

std::string describe(const TokenizeSummary& s) {
  if (!s.needed) {
    return "nothing to tokenise: this corpus is generated or already holds tokens";
  }
  const double bytes_per_token =
      static_cast<double>(s.text_bytes) / static_cast<double>(std::max<int64_t>(s.tokens, 1));
  return fmt::format(
      "{}: {} tokens, {} of them for training, {:.2f} bytes per token, vocabulary {}, {}",
      s.tokens_path.string(),
      format_count(static_cast<double>(s.tokens)),
      format_count(static_cast<double>(s.train_tokens)),
      bytes_per_token,
      s.vocab_size,
      s.reused ? "reused" : "made in " + format_duration(s.seconds));
}

}  // namespace ff::tokenize
