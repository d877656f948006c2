// SPDX-License-Identifier: MIT
#pragma once
// A sentencepiece model: training, encoding, decoding. Not part of the core library: a process that
// also loads LibTorch would crash (see cmake/Dependencies.cmake).
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ff::tokenize {

class SentencePiece {
 public:
  /// Throws FileError.
  explicit SentencePiece(const std::filesystem::path& model);
  ~SentencePiece();
  SentencePiece(const SentencePiece&) = delete;
  SentencePiece& operator=(const SentencePiece&) = delete;

  [[nodiscard]] int64_t vocab_size() const;
  /// The token that ends a document, or -1.
  [[nodiscard]] int32_t end_id() const;
  /// Appends the tokens of `text` (valid UTF-8) to `ids`. The newline is a token of its own where
  /// the model keeps it (as ours do).
  void encode(std::string_view text, std::vector<int32_t>& ids) const;
  [[nodiscard]] std::string decode(std::span<const int32_t> ids) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Trains a byte-pair model of exactly `vocab_size` pieces (<unk>, </s>, 256 bytes, characters,
/// merges) on `lines` (without newlines) and returns the contents of its .model file. The text is
/// not normalised, spaces are kept, and what has no piece is spelled in bytes, so that decoding
/// gives the text back (except U+2581, which sentencepiece uses for the space). The newline is the
/// byte piece <0x0A>. One thread and no sampling: the same lines give the same model. Throws
/// ConfigError when the lines cannot support `vocab_size`, naming the largest (or smallest) that
/// they can.
[[nodiscard]] std::string train_bpe(const std::vector<std::string>& lines, int64_t vocab_size);

}  // namespace ff::tokenize
