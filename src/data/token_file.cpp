// SPDX-License-Identifier: MIT
#include "flops_fit/data/token_file.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/long_work.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace ff::data {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

/// Size of the token section, padded so that the offsets after it are aligned.
int64_t padded(int64_t bytes) {
  return (bytes + 7) / 8 * 8;
}

}  // namespace

uint64_t hash_of(const TokenFileHeader& header) {
  return content_hash(
      {reinterpret_cast<const char*>(&header), offsetof(TokenFileHeader, header_hash)});
}

TokenFileWriter::TokenFileWriter(const std::filesystem::path& path,
                                 int64_t vocab_size,
                                 uint64_t key,
                                 uint64_t tokenizer_hash)
    : path_(path), file_(std::fopen(path.c_str(), "wb")) {
  if (file_ == nullptr) {
    throw_system_error(path, "write", errno);
  }
  header_.vocab_size = vocab_size;
  header_.token_bytes = vocab_size <= 65536 ? 2 : 4;
  header_.key = key;
  header_.tokenizer_hash = tokenizer_hash;
  const char blank[kTokenFileHeaderBytes] = {};
  try {
    write(blank, sizeof blank);  // the true header goes in last, as its hashes are known last
  } catch (...) {
    std::fclose(file_);
    throw;
  }
}

TokenFileWriter::~TokenFileWriter() {
  if (file_ != nullptr) {
    std::fclose(file_);
  }
}

void TokenFileWriter::write(const void* data, size_t bytes) {
  if (bytes > 0 && std::fwrite(data, 1, bytes, file_) != bytes) {
    throw_system_error(path_, "write", errno);
  }
}

void TokenFileWriter::write_content(const void* data, size_t bytes) {
  content_.add({static_cast<const char*>(data), bytes});
  write(data, bytes);
}

void TokenFileWriter::append(std::span<const int32_t> ids) {
  for (const int32_t id : ids) {
    if (id < 0 || id >= header_.vocab_size) {
      throw error<Error>("{}: the tokenizer made token {} with a vocabulary of {}.",
                         path_.string(),
                         id,
                         header_.vocab_size);
    }
  }
  if (header_.token_bytes == 2) {
    narrow_.resize(ids.size());
    std::transform(ids.begin(), ids.end(), narrow_.begin(), [](int32_t id) {
      return static_cast<uint16_t>(id);
    });
    write_content(narrow_.data(), narrow_.size() * 2);
  } else {
    write_content(ids.data(), ids.size() * 4);
  }
  header_.tokens += static_cast<int64_t>(ids.size());
  if (!in_validation_) {
    header_.train_tokens = header_.tokens;
  }
}

void TokenFileWriter::mark_start() {
  starts_.push_back(static_cast<uint64_t>(header_.tokens));
  header_.starts = static_cast<int64_t>(starts_.size());
  if (!in_validation_) {
    header_.train_starts = header_.starts;
  }
}

void TokenFileWriter::begin_validation() {
  in_validation_ = true;
}

void TokenFileWriter::add_text(int64_t bytes, int64_t documents) {
  header_.text_bytes += bytes;
  header_.documents += documents;
  if (!in_validation_) {
    header_.train_text_bytes = header_.text_bytes;
  }
}

TokenFileHeader TokenFileWriter::finish() {
  const int64_t bytes = header_.tokens * header_.token_bytes;
  const char zeros[8] = {};
  write_content(zeros, static_cast<size_t>(padded(bytes) - bytes));
  write_content(starts_.data(), starts_.size() * sizeof(uint64_t));
  header_.content_hash = content_.value();
  header_.header_hash = hash_of(header_);
  std::rewind(file_);
  write(&header_, sizeof header_);
  if (std::fclose(std::exchange(file_, nullptr)) != 0) {
    throw_system_error(path_, "write", errno);
  }
  return header_;
}

TokenFile::TokenFile(const std::filesystem::path& path) : file_(path) {
  const std::string_view bytes = file_.bytes();
  const auto fail = [&](const std::string& what) {
    throw error<FileError>("{}: {}.", path.string(), what);
  };
  if (static_cast<int64_t>(bytes.size()) < kTokenFileHeaderBytes) {
    fail(fmt::format("{} bytes are too few for a token file (truncated?)", bytes.size()));
  }
  std::memcpy(&header_, bytes.data(), sizeof header_);
  const TokenFileHeader expected;
  if (std::memcmp(header_.magic, expected.magic, sizeof expected.magic) != 0) {
    fail("not a token file of flops-fit");
  }
  if (header_.version != kTokenFileVersion) {
    fail(fmt::format("token file version {}, this program reads version {}",
                     header_.version,
                     kTokenFileVersion));
  }
  const int64_t size = static_cast<int64_t>(bytes.size()) - kTokenFileHeaderBytes;
  const bool sane = header_.header_hash == hash_of(header_) &&
                    (header_.token_bytes == 2 || header_.token_bytes == 4) && header_.tokens >= 0 &&
                    header_.tokens <= size && header_.starts >= 0 && header_.starts <= size &&
                    header_.train_tokens >= 0 && header_.train_tokens <= header_.tokens &&
                    header_.train_starts >= 0 && header_.train_starts <= header_.starts &&
                    header_.vocab_size > 0 && header_.vocab_size <= INT32_MAX;
  if (!sane) {
    fail("the header is damaged");
  }
  const int64_t wanted = padded(header_.tokens * header_.token_bytes) + header_.starts * 8;
  if (wanted != size) {
    fail(fmt::format("expected {} bytes after the header, found {} (truncated?)", wanted, size));
  }
  for (size_t i = 0; i < starts().size(); ++i) {
    const uint64_t least = i == 0 ? 0 : starts()[i - 1] + 1;
    if (starts()[i] < least || starts()[i] >= static_cast<uint64_t>(header_.tokens)) {
      fail(fmt::format("row start {} is damaged", i));
    }
  }
}

std::optional<std::string> TokenFile::content_problem() const {
  const std::string_view content = file_.bytes().substr(kTokenFileHeaderBytes);
  LongWork work("checking " + file_.path().filename().string(),
                static_cast<int64_t>(content.size()));
  if (content_hash(content, work) == header_.content_hash) {
    return std::nullopt;
  }
  return fmt::format("{}: damaged: its tokens are not those that were written (the hash differs).",
                     file_.path().string());
}

fs::path TokenFile::note_path() const {
  return file_.path().string() + ".note";
}

void TokenFile::note() const {
  if (is_noted()) {
    return;
  }
  try {
    write_file_atomically(note_path(), file_.stamp());
  } catch (const Error& problem) {
    spdlog::info("{} Every worker checks the tokens by itself.", problem.what());
  }
}

bool TokenFile::is_noted() const {
  constexpr size_t kMostBytes = 1 << 16;
  try {
    return read_file(note_path(), kMostBytes) == file_.stamp();
  } catch (const FileError&) {
    return false;
  }
}

std::span<const uint64_t> TokenFile::starts() const {
  const int64_t at = padded(header_.tokens * header_.token_bytes);
  return {reinterpret_cast<const uint64_t*>(tokens() + at), static_cast<size_t>(header_.starts)};
}

}  // namespace ff::data
