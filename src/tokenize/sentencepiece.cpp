// SPDX-License-Identifier: MIT
#include "flops_fit/tokenize/sentencepiece.h"

#include "flops_fit/util/error.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <unordered_map>

namespace ff::tokenize {
namespace {

/// Longest line the trainer is given; the caller cuts longer ones.
constexpr const char* kMaxLineBytes = "65536";

class LineIterator final : public sentencepiece::SentenceIterator {
 public:
  explicit LineIterator(const std::vector<std::string>& lines) : lines_(lines) {}
  bool done() const override { return next_ >= lines_.size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return lines_[next_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& lines_;
  size_t next_ = 0;
};

/// The number that follows `marker` in a message of sentencepiece.
std::optional<int64_t> number_after(std::string_view message, std::string_view marker) {
  size_t at = message.find(marker);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  at += marker.size();
  while (at < message.size() && std::isdigit(static_cast<unsigned char>(message[at])) == 0) {
    ++at;
  }
  const std::string digits(message.substr(at, 18));
  return digits.empty() ? std::nullopt : std::optional(std::strtoll(digits.c_str(), nullptr, 10));
}

[[noreturn]] void refuse_vocab_size(int64_t vocab_size, std::string_view message) {
  if (const auto largest = number_after(message, "value <=")) {
    throw error<ConfigError>(
        "dataset.vocab_size: {} is too large for this corpus, which supports at most {}; set "
        "dataset.vocab_size={} or use more text.",
        vocab_size,
        *largest,
        *largest);
  }
  if (const auto smallest = number_after(message, " vs ")) {
    throw error<ConfigError>(
        "dataset.vocab_size: {} is too small for the characters of this corpus, which need {} "
        "pieces "
        "(256 of them bytes); set dataset.vocab_size={} or more.",
        vocab_size,
        *smallest,
        *smallest + 1);
  }
  throw error<Error>("sentencepiece cannot train a model of {} pieces: {}", vocab_size, message);
}

}  // namespace

struct SentencePiece::Impl {
  sentencepiece::SentencePieceProcessor processor;
  int32_t newline = -1;  ///< the piece of "\n", or -1 where the model treats it like other text
};

SentencePiece::SentencePiece(const std::filesystem::path& model) : impl_(std::make_unique<Impl>()) {
  const auto status = impl_->processor.Load(model.string());
  if (!status.ok()) {
    throw error<FileError>(
        "{}: not a sentencepiece model: {}.", model.string(), status.error_message());
  }
  // What the model makes of a newline inside a line tells whether it keeps newlines.
  std::vector<int> ids;
  if (impl_->processor.Encode("\n", &ids).ok() && ids.size() == 1 && decode(ids) == "\n") {
    impl_->newline = ids[0];
  }
}

SentencePiece::~SentencePiece() = default;

int64_t SentencePiece::vocab_size() const {
  return impl_->processor.GetPieceSize();
}

int32_t SentencePiece::end_id() const {
  return impl_->processor.eos_id();
}

void SentencePiece::encode(std::string_view text, std::vector<int32_t>& ids) const {
  std::vector<int> part;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.size();
    if (impl_->newline >= 0) {
      end = std::min(text.find('\n', at), text.size());
    }
    if (end > at) {
      const auto status = impl_->processor.Encode(text.substr(at, end - at), &part);
      if (!status.ok()) {
        throw error<Error>(
            "sentencepiece cannot encode '{}': {}", text.substr(at, 40), status.error_message());
      }
      ids.insert(ids.end(), part.begin(), part.end());
    }
    if (end < text.size()) {
      ids.push_back(impl_->newline);
      ++end;
    }
    at = end;
  }
}

std::string SentencePiece::decode(std::span<const int32_t> ids) const {
  std::string text;
  const auto status = impl_->processor.Decode(std::vector<int>(ids.begin(), ids.end()), &text);
  if (!status.ok()) {
    throw error<Error>("sentencepiece cannot decode: {}", status.error_message());
  }
  return text;
}

std::string train_bpe(const std::vector<std::string>& lines, int64_t vocab_size) {
  const std::unordered_map<std::string, std::string> options = {
      {"model_type", "bpe"},
      {"vocab_size", std::to_string(vocab_size)},
      {"byte_fallback", "true"},
      {"normalization_rule_name", "identity"},
      {"add_dummy_prefix", "false"},
      {"remove_extra_whitespaces", "false"},
      {"unk_id", "0"},
      {"eos_id", "1"},
      {"bos_id", "-1"},
      {"pad_id", "-1"},
      {"max_sentence_length", kMaxLineBytes},
      {"num_threads", "1"},
      {"minloglevel", "3"},
  };
  LineIterator iterator(lines);
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(options, &iterator, &model);
  if (!status.ok()) {
    refuse_vocab_size(vocab_size, status.error_message());
  }
  return model;
}

}  // namespace ff::tokenize
