// SPDX-License-Identifier: MIT
#pragma once
// Finding and reading the files of a corpus.
//   .txt    one document a file; a line that is exactly <|endoftext|> ends a document
//   .jsonl  one JSON object a line, its field `dataset.text_field` is a document; empty lines are
//           skipped
//   .bin    tokens (data/token_stream.h)
// Text must be UTF-8. Bytes that are not (and NUL) become U+FFFD, the replacement character, and
// are counted; a file with more than 1 in 100 such bytes is not UTF-8 at all and is refused. A byte
// order mark at the start of a file is dropped; line ends stay as they are.
#include "flops_fit/data/config.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ff::data {

enum class FileKind { kText, kJsonl, kTokens };

struct CorpusFile {
  std::filesystem::path path;
  FileKind kind = FileKind::kText;
};

/// The files of a path, a glob, or a folder (recursive), sorted. `key` names the setting in errors.
/// Throws FileError when nothing is found, ConfigError when a file's format cannot be told.
[[nodiscard]] std::vector<CorpusFile> find_corpus_files(const std::string& path,
                                                        const std::string& format,
                                                        std::string_view key);

/// Whether dataset.path holds tokens. Goes by dataset.format and file names.
[[nodiscard]] bool is_token_corpus(const DatasetConfig& config);

struct CorpusSummary {
  int64_t documents = 0;
  int64_t bytes = 0;           ///< of the documents, after repair
  int64_t replaced_bytes = 0;  ///< bytes that were not UTF-8
  std::string first_replaced;  ///< where: "file: byte 123"
};

/// Calls `visit` with every document that is not empty, in order, as valid UTF-8. Throws FileError.
CorpusSummary for_each_document(const std::vector<CorpusFile>& files,
                                const std::string& text_field,
                                const std::function<void(std::string_view)>& visit);

/// Calls `visit` with the pieces of a document: lines with their newline, and lines above
/// `limit` bytes cut before a space (or, without one, between two characters). Joined, the pieces
/// are the document.
void for_each_piece(std::string_view document,
                    size_t limit,
                    const std::function<void(std::string_view)>& visit);

/// Replaces every byte that is not UTF-8, and NUL, by U+FFFD; `replaced` counts them and
/// `first` is the offset of the first.
[[nodiscard]] std::string repair_utf8(std::string_view text, int64_t& replaced, size_t& first);

}  // namespace ff::data
