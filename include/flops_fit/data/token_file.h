// SPDX-License-Identifier: MIT
#pragma once
// The token file: a tokenised corpus in the cache, mapped into memory for training.
//   bytes 0..127  the header (TokenFileHeader), little-endian; it holds a hash of itself and one of
//                 all that follows
//   then          `tokens` tokens of `token_bytes` bytes each, training part first; zero bytes up
//                 to a multiple of 8
//   then          `starts` offsets (uint64), in tokens: where the rows may start. Present for
//                 zipf-stories only.
#include "flops_fit/data/mapped_file.h"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::data {

inline constexpr uint32_t kTokenFileVersion = 2;

struct TokenFileHeader {
  char magic[8] = {'F', 'F', 'T', 'O', 'K', 'E', 'N', 'S'};
  uint32_t version = kTokenFileVersion;
  uint32_t token_bytes = 2;  ///< 2 for vocabularies up to 65536, else 4
  int64_t tokens = 0;
  int64_t train_tokens = 0;  ///< the rest is held out
  int64_t documents = 0;     ///< 0 = not known
  int64_t text_bytes = 0;    ///< of UTF-8 text behind all tokens
  int64_t train_text_bytes = 0;
  int64_t vocab_size = 0;  ///< as the tokenizer has it, not padded
  int64_t starts = 0;
  int64_t train_starts = 0;
  uint64_t key = 0;             ///< hash of corpus and tokenizer settings
  uint64_t tokenizer_hash = 0;  ///< of the tokenizer model file
  uint64_t content_hash = 0;    ///< of everything behind the header
  uint64_t reserved[2] = {0, 0};
  uint64_t header_hash = 0;  ///< of everything above
};
inline constexpr int64_t kTokenFileHeaderBytes = 128;
static_assert(sizeof(TokenFileHeader) == kTokenFileHeaderBytes);
/// What its header_hash has to be.
[[nodiscard]] uint64_t hash_of(const TokenFileHeader& header);

/// Writes a token file from front to back: append(), begin_validation(), append(), finish().
/// Writes to `path` directly; for an atomic file use it inside write_atomically().
class TokenFileWriter {
 public:
  TokenFileWriter(const std::filesystem::path& path,
                  int64_t vocab_size,
                  uint64_t key,
                  uint64_t tokenizer_hash);
  ~TokenFileWriter();
  TokenFileWriter(const TokenFileWriter&) = delete;
  TokenFileWriter& operator=(const TokenFileWriter&) = delete;

  void append(std::span<const int32_t> ids);
  /// Remembers that a row may start here.
  void mark_start();
  /// What follows is held out.
  void begin_validation();
  /// Counts the text behind the tokens appended.
  void add_text(int64_t bytes, int64_t documents);
  /// Writes the header. Throws Error if any write failed.
  TokenFileHeader finish();

 private:
  void write(const void* data, size_t bytes);
  /// Writes what the content hash covers.
  void write_content(const void* data, size_t bytes);

  std::filesystem::path path_;
  std::FILE* file_ = nullptr;
  TokenFileHeader header_;
  ContentHash content_;
  bool in_validation_ = false;
  std::vector<uint64_t> starts_;
  std::vector<uint16_t> narrow_;
};

/// A token file, mapped. Throws FileError: missing, truncated, wrong magic or version, a damaged
/// header. Its content is not looked at: that is content_problem(), which reads all of it.
class TokenFile {
 public:
  explicit TokenFile(const std::filesystem::path& path);

  [[nodiscard]] const TokenFileHeader& header() const { return header_; }
  [[nodiscard]] const MappedFile& file() const { return file_; }
  [[nodiscard]] const char* tokens() const { return file_.bytes().data() + kTokenFileHeaderBytes; }
  [[nodiscard]] std::span<const uint64_t> starts() const;

  /// What is wrong with the content, by its hash; none if it is as it was written. Gigabytes take
  /// seconds: shows its progress, and throws StoppedError.
  [[nodiscard]] std::optional<std::string> content_problem() const;
  /// Notes beside the file, whose content was checked, what the file looks like (<path>.note), so
  /// that workers need not check it again. Where that cannot be written, they do.
  void note() const;
  /// Whether the file still looks as it was noted.
  [[nodiscard]] bool is_noted() const;

 private:
  [[nodiscard]] std::filesystem::path note_path() const;

  MappedFile file_;
  TokenFileHeader header_;
};

}  // namespace ff::data
