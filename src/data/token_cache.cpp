// SPDX-License-Identifier: MIT
#include "flops_fit/data/mapped_file.h"
#include "flops_fit/data/token_file.h"
#include "flops_fit/data/tokenize.h"
#include "flops_fit/data/zipf/grammar.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"
#include "flops_fit/util/long_work.h"

#include <algorithm>
#include <cctype>

namespace ff::data {
namespace {

namespace fs = std::filesystem;

/// Raise this when the same settings would give other tokens.
constexpr int kTokenizeVersion = 1;

int64_t size_of(const std::vector<CorpusFile>& files) {
  int64_t bytes = 0;
  for (const CorpusFile& file : files) {
    std::error_code missing;
    const auto size = fs::file_size(file.path, missing);
    bytes += missing ? 0 : static_cast<int64_t>(size);
  }
  return bytes;
}

std::string describe_files(const std::string& corpus, const std::vector<CorpusFile>& files) {
  std::string text;
  LongWork work("reading " + corpus, size_of(files));
  for (const CorpusFile& file : files) {
    const MappedFile mapped(file.path);
    text += fmt::format("{}:{}:{} ",
                        static_cast<int>(file.kind),
                        mapped.bytes().size(),
                        hash_text(content_hash(mapped.bytes(), work)));
  }
  return text;
}

/// A name for people: the stem of the path, made of harmless characters.
std::string corpus_name(const DatasetConfig& config) {
  if (config.path.empty()) {
    return config.name;
  }
  fs::path path(config.path);
  std::string name =
      path.has_filename() ? path.stem().string() : path.parent_path().stem().string();
  for (char& c : name) {
    c = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' ? c : '_';
  }
  return name.substr(0, 40);
}

void require_text(const std::vector<CorpusFile>& files, const std::string& path) {
  if (files.front().kind == FileKind::kTokens) {
    throw error<ConfigError>("dataset.validation_path: {} holds tokens, but the corpus is text.",
                             path);
  }
}

}  // namespace

std::optional<TokenizeJob> tokenize_job(const DatasetConfig& config) {
  check(config);
  const TokenizerKind kind = tokenizer_kind(config);
  if (kind == TokenizerKind::kWord || kind == TokenizerKind::kPretokenized) {
    return std::nullopt;
  }
  TokenizeJob job;
  job.config = config;
  job.tokenizer = kind;
  std::string identity = fmt::format("{}|", kTokenizeVersion);
  if (config.path.empty()) {
    const ZipfConfig& zipf = config.zipf;
    identity += fmt::format("zipf {} {} {} {} {}|{}",
                            zipf.seed,
                            zipf.num_characters,
                            zipf.exponent_e8,
                            zipf.cached_stories,
                            hash_text(zipf::builtin_grammar().hash),
                            config.validation_fraction);
  } else {
    job.files = find_corpus_files(config.path, config.format, "dataset.path");
    identity += fmt::format("{}|{}|", describe_files(config.path, job.files), config.text_field);
    if (config.validation_path.empty()) {
      identity += fmt::format("{}", config.validation_fraction);
    } else {
      job.validation_files =
          find_corpus_files(config.validation_path, config.format, "dataset.validation_path");
      require_text(job.validation_files, config.validation_path);
      identity += describe_files(config.validation_path, job.validation_files);
    }
  }
  if (kind == TokenizerKind::kModel) {
    job.model_path = config.tokenizer;
    identity +=
        fmt::format("|model {}", hash_text(content_hash(MappedFile(job.model_path).bytes())));
  } else {
    identity += fmt::format("|bpe {} {}", job.vocab_size(), config.tokenizer_sample_bytes);
  }
  job.key = fnv1a(identity);
  job.tokens_path = token_file_path(config, job.key);
  if (kind == TokenizerKind::kTrain) {
    job.model_path = fs::path(job.tokens_path).replace_extension(".model");
  }
  return job;
}

fs::path token_file_path(const DatasetConfig& config, uint64_t key) {
  return fs::path(config.cache_dir) / (corpus_name(config) + "-" + hash_text(key) + ".tokens");
}

fs::path token_cache_path(const DatasetConfig& config) {
  const std::optional<TokenizeJob> job = tokenize_job(config);
  return job ? job->tokens_path : fs::path();
}

std::optional<std::string> cache_problem(const TokenizeJob& job) {
  try {
    const TokenFile file(job.tokens_path);
    if (file.header().key != job.key) {
      return fmt::format("{}: of another corpus or other settings.", job.tokens_path.string());
    }
    if (file.header().tokenizer_hash != content_hash(MappedFile(job.model_path).bytes())) {
      return fmt::format("{}: made with another tokenizer than {}.",
                         job.tokens_path.string(),
                         job.model_path.string());
    }
    return file.content_problem();
  } catch (const FileError& problem) {
    return problem.what();
  }
}

int64_t model_vocab_size(const fs::path& model) {
  // A model is a protocol buffer whose field 1 is repeated, once for each piece. Fields are skipped
  // by their wire type; anything else than whole fields up to the end is no model.
  const MappedFile file(model);
  const std::string_view bytes = file.bytes();
  size_t at = 0;
  bool ok = !bytes.empty();
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at >= bytes.size()) {
        break;
      }
      const auto byte = static_cast<unsigned char>(bytes[at++]);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) {
        return value;
      }
    }
    ok = false;
    return uint64_t{0};
  };
  int64_t pieces = 0;
  while (ok && at < bytes.size()) {
    const uint64_t tag = varint();
    const uint64_t wire_type = tag & 7;
    const uint64_t length = wire_type == 2 ? varint() : wire_type == 5 ? 4 : wire_type == 1 ? 8 : 0;
    if (wire_type == 0) {
      varint();
    }
    ok = ok && tag >> 3 != 0 && wire_type != 3 && wire_type != 4 && wire_type <= 5 &&
         length <= bytes.size() - at;
    at += ok ? static_cast<size_t>(length) : 0;
    pieces += tag >> 3 == 1 && wire_type == 2 ? 1 : 0;
  }
  if (!ok || pieces == 0) {
    throw error<FileError>("{}: not a sentencepiece model (damaged?).", model.string());
  }
  return pieces;
}

}  // namespace ff::data
