// SPDX-License-Identifier: MIT
#include "flops_fit/data/token_stream.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/long_work.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace ff::data {
namespace {

constexpr int64_t kShardHeaderInts = 256;

template <class Token>
void copy_tokens(const char* data, std::span<int32_t> out, int64_t vocab_size, int64_t& bad) {
  bad = -1;
  uint32_t largest = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    Token token{};
    std::memcpy(&token, data + i * sizeof(Token), sizeof(Token));
    largest = std::max(largest, static_cast<uint32_t>(token));
    out[i] = static_cast<int32_t>(token);
  }
  if (static_cast<int64_t>(largest) >= vocab_size) {
    for (size_t i = 0; i < out.size() && bad < 0; ++i) {
      bad = static_cast<int64_t>(static_cast<uint32_t>(out[i])) >= vocab_size
                ? static_cast<int64_t>(i)
                : -1;
    }
  }
}

}  // namespace

void TokenStream::add(std::shared_ptr<const MappedFile> file,
                      const char* data,
                      int width,
                      int64_t count,
                      int64_t first) {
  if (count > 0) {
    segments_.push_back({std::move(file), data, width, size_, count, first});
    size_ += count;
  }
}

void TokenStream::read(int64_t begin, std::span<int32_t> out) const {
  if (begin < 0 || begin + static_cast<int64_t>(out.size()) > size_) {
    throw error<Error>("tokens {} to {} are outside of a stream of {}.",
                       begin,
                       begin + static_cast<int64_t>(out.size()),
                       size_);
  }
  if (out.empty()) {
    return;  // an empty stream has no segment to begin in
  }
  auto segment =
      std::upper_bound(segments_.begin(), segments_.end(), begin, [](int64_t at, const Segment& s) {
        return at < s.begin;
      });
  --segment;
  while (!out.empty()) {
    const int64_t offset = begin - segment->begin;
    const auto count = std::min(static_cast<size_t>(segment->count - offset), out.size());
    const char* const data = segment->data + offset * segment->width;
    int64_t bad = -1;
    if (segment->width == 2) {
      copy_tokens<uint16_t>(data, out.first(count), vocab_size_, bad);
    } else {
      copy_tokens<uint32_t>(data, out.first(count), vocab_size_, bad);
    }
    if (bad >= 0) {
      throw error<FileError>(
          "{}: token {} at position {} is outside of the vocabulary of {}; set dataset.vocab_size "
          "to "
          "that of the tokenizer, or replace the damaged file.",
          segment->file->path().string(),
          static_cast<uint32_t>(out[static_cast<size_t>(bad)]),
          segment->first + offset + bad,
          vocab_size_);
    }
    begin += static_cast<int64_t>(count);
    out = out.subspan(count);
    ++segment;
  }
}

TokenStream TokenStream::slice(int64_t begin, int64_t end) const {
  TokenStream part(vocab_size_);
  for (const Segment& s : segments_) {
    const int64_t from = std::max(begin, s.begin) - s.begin;
    const int64_t to = std::min(end, s.begin + s.count) - s.begin;
    if (from < to) {
      part.add(s.file, s.data + from * s.width, s.width, to - from, s.first + from);
    }
  }
  return part;
}

bool TokenStream::unchanged() const {
  return std::none_of(segments_.begin(), segments_.end(), [](const Segment& segment) {
    return segment.file->changed();
  });
}

void TokenStream::check_vocabulary(int64_t limit) const {
  int64_t bytes = 0;
  for (const Segment& s : segments_) {
    bytes += std::min(limit, s.count) * s.width;
  }
  LongWork work("checking tokens", bytes);
  std::vector<int32_t> buffer(size_t{1} << 20);  // 1 ms
  for (const Segment& s : segments_) {
    for (int64_t at = 0; at < std::min(limit, s.count);) {
      const int64_t count = std::min<int64_t>(static_cast<int64_t>(buffer.size()), s.count - at);
      read(s.begin + at, std::span(buffer).first(static_cast<size_t>(count)));
      at += count;
      work.add(count * s.width);
    }
  }
}

void add_shard(TokenStream& stream, const std::filesystem::path& path) {
  add_shard(stream, std::make_shared<const MappedFile>(path));
}

void add_shard(TokenStream& stream, std::shared_ptr<const MappedFile> file) {
  const std::filesystem::path path = file->path();
  const std::string_view bytes = file->bytes();
  const auto size = static_cast<int64_t>(bytes.size());
  std::array<int32_t, 3> head{};
  if (size >= kShardHeaderInts * 4) {
    std::memcpy(head.data(), bytes.data(), sizeof head);
  }
  const bool gpt2 = head[0] == 20240520;
  if (gpt2 || head[0] == 20240801) {
    const int32_t version = gpt2 ? 1 : 7;
    const int width = gpt2 ? 2 : 4;
    if (head[1] != version) {
      throw error<FileError>("{}: llm.c token file of version {}, this program reads version {}.",
                             path.string(),
                             head[1],
                             version);
    }
    const int64_t data = size - kShardHeaderInts * 4;
    if (static_cast<int64_t>(head[2]) * width != data || head[2] <= 0) {
      throw error<FileError>(
          "{}: the header says {} tokens of {} bytes, but {} bytes follow (truncated?); fetch the "
          "file again.",
          path.string(),
          head[2],
          width,
          data);
    }
    const char* const tokens = bytes.data() + kShardHeaderInts * 4;
    stream.add(std::move(file), tokens, width, head[2]);
    return;
  }
  if (bytes.starts_with("FFTOKENS")) {
    throw error<FileError>(
        "{}: is a token file of flops-fit's cache; set dataset.path to the text it was made from.",
        path.string());
  }
  if (size == 0 || size % 2 != 0) {
    throw error<FileError>(
        "{}: {} bytes are no raw uint16 tokens, and there is no llm.c header; expected a .bin file "
        "of "
        "nanoGPT or llm.c.",
        path.string(),
        size);
  }
  const char* const tokens = bytes.data();
  stream.add(std::move(file), tokens, 2, size / 2);
}

}  // namespace ff::data
