// SPDX-License-Identifier: MIT
#include "flops_fit/data/config.h"

#include "flops_fit/data/corpus.h"
#include "flops_fit/io/json.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <type_traits>

namespace ff::data {
namespace {

using io::Json;

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

/// Fills a JSON object from the fields of a struct.
struct Writer {
  Json object = Json::object();

  template <class T>
  void operator()(std::string_view key, T& value, const config::FieldInfo&) {
    if constexpr (std::is_class_v<T> && requires(Writer & w) { value.visit(w); }) {
      Writer nested;
      value.visit(nested);
      object[std::string(key)] = std::move(nested.object);
    } else if constexpr (IsOptional<T>::value) {
      object[std::string(key)] = value ? Json(*value) : Json(nullptr);
    } else {
      object[std::string(key)] = value;
    }
  }
  void refused(std::string_view, std::string_view) {}
};

/// get() would take true for 1, cut 1.5 to 1, and turn 2^63 negative.
template <class T>
bool fits(const Json& value, const config::FieldInfo& info) {
  if constexpr (std::is_same_v<T, bool>) {
    return value.is_boolean();
  } else if constexpr (std::is_arithmetic_v<T>) {
    const bool kind = std::is_integral_v<T> ? value.is_number_integer() : value.is_number();
    const double number = kind ? value.get<double>() : 0.0;
    const bool in_type = !value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX;
    return kind && (in_type || !std::is_integral_v<T>)&&number >= info.min && number <= info.max;
  } else {
    return value.is_string();
  }
}

/// Fills the fields of a struct from a JSON object; keys that are absent keep their default.
struct Reader {
  Json object;
  std::string where;

  template <class T>
  void operator()(std::string_view key, T& value, const config::FieldInfo& info) {
    const auto found = object.find(std::string(key));
    if (found == object.end()) {
      return;
    }
    const std::string name = where + std::string(key);
    if constexpr (std::is_class_v<T> && requires(Reader & r) { value.visit(r); }) {
      if (!found->is_object()) {
        refuse(name, *found);
      }
      Reader nested{*found, name + "."};
      value.visit(nested);
      nested.finish();
    } else if constexpr (IsOptional<T>::value) {
      value.reset();
      if (!found->is_null()) {
        value = checked<typename T::value_type>(name, *found, info);
      }
    } else {
      value = checked<T>(name, *found, info);
    }
    object.erase(std::string(key));
  }
  void refused(std::string_view, std::string_view) {}

  template <class T>
  static T checked(const std::string& name, const Json& value, const config::FieldInfo& info) {
    if (!fits<T>(value, info)) {
      refuse(name, value);
    }
    return value.get<T>();
  }

  [[noreturn]] static void refuse(const std::string& name, const Json& value) {
    throw error<ConfigError>("{}: {} is not a value of this key.", name, io::json_text(value));
  }

  void finish() const {
    if (!object.empty()) {
      throw error<ConfigError>("{}{}: unknown key.", where, object.begin().key());
    }
  }
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return text;
}

[[noreturn]] void refuse_name(const std::string& name) {
  const bool tiny = lower(name).find("tinystories") != std::string::npos;
  throw error<ConfigError>(
      "dataset.name: '{}' is not built in; built-in corpora are: zipf-stories. {}",
      name,
      tiny ? "For TinyStories run scripts/fetch_tinystories.sh, then set dataset.path to the file "
             "it prints."
           : "For your own text set dataset.path=FILE (.txt, .jsonl, .bin, a glob or a folder).");
}

[[noreturn]] void refuse_tokenizer(const std::string& name) {
  static constexpr std::array<std::string_view, 12> kKnown = {"gpt2",
                                                              "gpt-2",
                                                              "gpt4",
                                                              "tiktoken",
                                                              "cl100k",
                                                              "o200k",
                                                              "bpe",
                                                              "llama",
                                                              "unigram",
                                                              "byte",
                                                              "char",
                                                              "bert"};
  const std::string name_lower = lower(name);
  const bool known = std::any_of(kKnown.begin(), kKnown.end(), [&](std::string_view item) {
    return name_lower.find(item) != std::string::npos;
  });
  throw error<ConfigError>(
      "dataset.tokenizer: '{}' is {}; use sentencepiece (trains a BPE model on your text), the "
      "path "
      "of a sentencepiece .model, or token files made elsewhere (dataset.path=*.bin, "
      "dataset.vocab_size=...).",
      name,
      known ? "not available here" : "unknown");
}

}  // namespace

TokenizerKind tokenizer_kind(const DatasetConfig& config) {
  const std::string& t = config.tokenizer;
  const bool builtin = config.path.empty();
  if (builtin && config.name != "zipf-stories") {
    refuse_name(config.name);
  }
  const bool tokens = !builtin && is_token_corpus(config);
  if (t != "auto" && t != "word" && t != "sentencepiece" && t != "none" && !t.ends_with(".model")) {
    refuse_tokenizer(t);
  }
  if (tokens) {
    if (t != "auto" && t != "none") {
      throw error<ConfigError>(
          "dataset.tokenizer: '{}' cannot tokenise {}, which holds tokens already; use "
          "dataset.tokenizer=none.",
          t,
          config.path);
    }
    if (!config.vocab_size) {
      throw error<ConfigError>(
          "dataset.vocab_size: required for the token files of {}, which do not record it; GPT-2 "
          "tokens need dataset.vocab_size=50257.",
          config.path);
    }
    return TokenizerKind::kPretokenized;
  }
  if (t == "none") {
    throw error<ConfigError>(
        "dataset.tokenizer: none is for token files (.bin), but {} is text; use sentencepiece{}.",
        builtin ? config.name : config.path,
        builtin ? " or word" : "");
  }
  if (t == "word" && !builtin) {
    throw error<ConfigError>(
        "dataset.tokenizer: word exists only for zipf-stories; for {} use sentencepiece.",
        config.path);
  }
  if (builtin && (t == "word" || t == "auto")) {
    return TokenizerKind::kWord;
  }
  return t.ends_with(".model") ? TokenizerKind::kModel : TokenizerKind::kTrain;
}

void check(const DatasetConfig& config) {
  const TokenizerKind kind = tokenizer_kind(config);
  if (config.seq_len < 1) {
    throw error<ConfigError>("dataset.seq_len: expected at least 1, got {}.", config.seq_len);
  }
  if (!(config.validation_fraction > 0 && config.validation_fraction < 1)) {
    throw error<ConfigError>(
        "dataset.validation_fraction: expected a number between 0 and 1, got {}.",
        config.validation_fraction);
  }
  if (config.path.empty() && !config.validation_path.empty()) {
    throw error<ConfigError>(
        "dataset.validation_path: {} has no effect on the built-in corpus, which has validation "
        "stories of its own; set dataset.path too, or leave it empty.",
        config.validation_path);
  }
  if (kind == TokenizerKind::kTrain) {
    const int64_t vocab = config.vocab_size.value_or(kDefaultVocabSize);
    if (vocab < 256 || vocab > 8192) {
      throw error<ConfigError>(
          "dataset.vocab_size: expected 256 to 8192 for a sentencepiece model trained here, got "
          "{}; "
          "train a larger one with spm_train and give its path as dataset.tokenizer=FILE.model.",
          vocab);
    }
  } else if (kind != TokenizerKind::kPretokenized && config.vocab_size) {
    // The size of these vocabularies is given; a wish that cannot be met must not pass silently.
    const bool word = kind == TokenizerKind::kWord;
    throw error<ConfigError>(
        "dataset.vocab_size: {} is fixed by the tokenizer {}; leave it null{}.",
        *config.vocab_size,
        word ? "word" : config.tokenizer,
        word ? ", or set dataset.tokenizer=sentencepiece" : "");
  }
}

std::string to_json(const DatasetConfig& config) {
  DatasetConfig copy = config;  // visit() is not const
  Writer writer;
  copy.visit(writer);
  return io::json_text(writer.object);
}

DatasetConfig from_json(std::string_view json) {
  Json object;
  try {
    object = io::parse_json(json);
  } catch (const io::JsonError& problem) {
    throw error<ConfigError>("dataset settings: {}, in '{}'.", problem.what(), json.substr(0, 40));
  }
  if (!object.is_object()) {
    throw error<ConfigError>("dataset settings: expected one JSON object, got '{}'.",
                             json.substr(0, 40));
  }
  DatasetConfig config;
  Reader reader{std::move(object), "dataset."};
  config.visit(reader);
  reader.finish();
  return config;
}

}  // namespace ff::data
