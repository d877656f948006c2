// SPDX-License-Identifier: MIT
#pragma once
// Tokens of one or more mapped files as one sequence, and the two public shard formats:
//   nanoGPT .bin  raw uint16
//   llm.c .bin    256 x int32 header {magic, version, count, ...}: 20240520, 1, uint16 (GPT-2) or
//                 20240801, 7, uint32 (Llama 3)
#include "flops_fit/data/mapped_file.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ff::data {

class TokenStream {
 public:
  /// Tokens must be below `vocab_size`; read() checks each one it hands out.
  explicit TokenStream(int64_t vocab_size) : vocab_size_(vocab_size) {}

  /// Adds `count` tokens of `width` (2 or 4) bytes; the first is number `first` of the file, for
  /// error messages. The stream keeps the file mapped.
  void add(std::shared_ptr<const MappedFile> file,
           const char* data,
           int width,
           int64_t count,
           int64_t first = 0);

  [[nodiscard]] int64_t size() const { return size_; }

  /// Copies tokens [begin, begin + out.size()). Throws FileError, by file and position, for a token
  /// outside of the vocabulary.
  void read(int64_t begin, std::span<int32_t> out) const;

  /// The part [begin, end) as a stream of its own.
  [[nodiscard]] TokenStream slice(int64_t begin, int64_t end) const;

  /// False if somebody wrote to one of the files since.
  [[nodiscard]] bool unchanged() const;

  /// Checks the first `limit` tokens of each file against the vocabulary; throws FileError.
  void check_vocabulary(int64_t limit) const;

 private:
  struct Segment {
    std::shared_ptr<const MappedFile> file;
    const char* data = nullptr;
    int width = 2;
    int64_t begin = 0;  ///< in this stream
    int64_t count = 0;
    int64_t first = 0;  ///< in the file
  };
  std::vector<Segment> segments_;
  int64_t size_ = 0;
  int64_t vocab_size_ = 0;
};

/// Reads the formats above. Throws FileError: an odd size, an unknown version, a count that does
/// not fit the file.
void add_shard(TokenStream& stream, const std::filesystem::path& path);
void add_shard(TokenStream& stream, std::shared_ptr<const MappedFile> file);

}  // namespace ff::data
