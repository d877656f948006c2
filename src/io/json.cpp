// SPDX-License-Identifier: MIT
#include "flops_fit/io/json.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"

#include <algorithm>
#include <cmath>

namespace ff::io {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxDepth = 500;
constexpr size_t kMaxKeys = 10'000;  // of one object

size_t line_at(std::string_view text, size_t byte) {
  const auto end = static_cast<std::ptrdiff_t>(std::min(byte, text.size()));
  return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + end, '\n'));
}

/// Throws JsonError for what would take a stack or a time out of proportion, before there is a
/// tree.
void check_limits(std::string_view text) {
  std::vector<size_t> keys;  // so far, of every container that is open
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (keys.size() == kMaxDepth) {
        throw JsonError(line_at(text, i), fmt::format("nested more than {} deep", kMaxDepth));
      }
      keys.push_back(0);
    } else if ((c == ']' || c == '}') && !keys.empty()) {
      keys.pop_back();
    } else if (c == ':' && !keys.empty() && ++keys.back() > kMaxKeys) {
      throw JsonError(line_at(text, i), fmt::format("an object with more than {} keys", kMaxKeys));
    }
  }
}

/// Python's json module writes NaN and Infinity, which are not JSON: they become null.
std::string without_python_numbers(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      result += c;
      result += text[++i];
      continue;
    }
    in_string = in_string != (c == '"');
    size_t length = 0;
    for (const std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
      if (!in_string && text.substr(i, word.size()) == word) {
        length = word.size();
      }
    }
    if (length > 0) {
      result += "null";
      i += length - 1;
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

Json parse_json(std::string_view text) {
  check_limits(text);
  std::string tidy;
  if (text.find("NaN") != std::string_view::npos ||
      text.find("Infinity") != std::string_view::npos) {
    tidy = without_python_numbers(text);
    text = tidy;
  }
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& problem) {
    throw JsonError(
        line_at(text, problem.byte),
        problem.byte >= text.size() ? "the JSON ends too early (truncated?)" : "not valid JSON");
  } catch (const Json::out_of_range&) {
    throw JsonError(1, "a number that does not fit into 64 bits");
  }
}

std::string json_text(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 80) {
    text.resize(77);
    text += "...";
  }
  return text;
}

std::string checksum_of(Json object) {
  object.erase("checksum");
  return hash_text(fnv1a(json_text(object)));
}

Json read_json(const fs::path& path, std::string_view remedy) {
  std::error_code failure;
  if (!fs::exists(path, failure)) {
    throw error<FileError>("{}: no such file; {}.", path.string(), remedy);
  }
  const std::string text = read_file(path);
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    throw error<FileError>("{}: the file is empty; {}.", path.string(), remedy);
  }
  try {
    return parse_json(text);
  } catch (const JsonError& problem) {
    throw error<FileError>("{}:{}: {}; restore the file, or {}.",
                           path.string(),
                           problem.line(),
                           problem.what(),
                           remedy);
  }
}

void write_json(const fs::path& path, const Json& value) {
  write_file_atomically(path, json_text(value, 2) + "\n");
}

ObjectReader::ObjectReader(const Json& value, std::string where)
    : value_(&value), where_(std::move(where)) {
  if (!value.is_object()) {
    throw error<FileError>("{}: expected an object, found {}.", where_, shown(value));
  }
}

void ObjectReader::fail(std::string_view key, std::string_view expected) const {
  const auto found = value_->find(key);
  const std::string what = found == value_->end() ? "nothing" : shown(*found);
  throw error<FileError>("{}.{}: expected {}, found {}.", where_, key, expected, what);
}

bool ObjectReader::has(std::string_view key) const {
  const auto found = value_->find(key);
  return found != value_->end() && !found->is_null();
}

const Json& ObjectReader::at(std::string_view key) const {
  const auto found = value_->find(key);
  if (found == value_->end()) {
    fail(key, "a value");
  }
  return *found;
}

double ObjectReader::number(std::string_view key) const {
  const auto found = value_->find(key);
  if (found == value_->end() || !found->is_number() || !std::isfinite(found->get<double>())) {
    fail(key, "a number");
  }
  return found->get<double>();
}

double ObjectReader::positive(std::string_view key) const {
  const auto found = value_->find(key);
  if (found == value_->end() || !found->is_number() || !(found->get<double>() > 0)) {
    fail(key, "a positive number");
  }
  return number(key);
}

int64_t ObjectReader::integer(std::string_view key) const {
  const double value = number(key);
  // Counts may be written as 1e6; beyond 2^53 a double no longer holds every integer.
  if (at(key).is_number_integer()) {
    if (at(key).is_number_unsigned() && at(key).get<uint64_t>() > INT64_MAX) {
      fail(key, "a whole number below 2^63");
    }
    return at(key).get<int64_t>();
  }
  if (value != std::floor(value) || std::abs(value) > 9.0e15) {
    fail(key, "a whole number");
  }
  return static_cast<int64_t>(value);
}

std::string ObjectReader::text(std::string_view key) const {
  const auto found = value_->find(key);
  if (found == value_->end() || !found->is_string()) {
    fail(key, "a string");
  }
  return found->get<std::string>();
}

std::string ObjectReader::hash(std::string_view key) const {
  std::string hash = text(key);
  if (!is_hash(hash)) {
    fail(key, "a hash (16 of the digits 0 to 9, a to f)");
  }
  return hash;
}

std::string ObjectReader::hash_or_none(std::string_view key) const {
  return text_or(key, "").empty() ? std::string() : hash(key);
}

ObjectReader ObjectReader::object(std::string_view key) const {
  return {at(key), fmt::format("{}.{}", where_, key)};
}

std::optional<double> ObjectReader::maybe_number(std::string_view key) const {
  return has(key) ? std::optional(number(key)) : std::nullopt;
}

std::string ObjectReader::text_or(std::string_view key, std::string_view fallback) const {
  return has(key) ? text(key) : std::string(fallback);
}

double ObjectReader::number_or(std::string_view key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

int64_t ObjectReader::integer_or(std::string_view key, int64_t fallback) const {
  return has(key) ? integer(key) : fallback;
}

const Json& member(const Json& object, std::string_view key) {
  static const Json kNull;
  const auto found = object.find(std::string(key));
  return found == object.end() ? kNull : *found;
}

std::optional<double> member_number(const Json& object, std::string_view key) {
  const Json& value = member(object, key);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::string member_text(const Json& object, std::string_view key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

Json number_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json number_or_null(const std::optional<double>& value) {
  return value ? number_or_null(*value) : Json(nullptr);
}

}  // namespace ff::io
