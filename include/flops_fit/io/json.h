// SPDX-License-Identifier: MIT
#pragma once
// Reading and writing the JSON files between the stages: one reader that reports file, line and
// field, one writer that is atomic and keeps the key order.
#include "flops_fit/util/error.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace ff::io {

using Json = nlohmann::ordered_json;

/// Parses a JSON file. Throws FileError when it is missing (the message ends with `remedy`, for
/// example "run ff-plan first"), empty, truncated or not JSON, naming the line.
[[nodiscard]] Json read_json(const std::filesystem::path& path, std::string_view remedy);

/// Why a text cannot be read as JSON, as a phrase ("not valid JSON") for a sentence that says
/// where.
class JsonError : public FileError {
 public:
  JsonError(size_t line, const std::string& what) : FileError(what), line_(line) {}
  [[nodiscard]] size_t line() const { return line_; }  ///< of the text, from 1

 private:
  size_t line_;
};

/// Parses JSON as Python writes it: NaN and Infinity, which are not JSON, become null. All JSON
/// that the programs read comes through here. Throws JsonError, also where lists are nested more
/// than 500 deep (later steps recurse) or an object has more than 10000 keys (finding one is a
/// linear search).
[[nodiscard]] Json parse_json(std::string_view text);

/// The value as text, in one line, or indented if `indent` is not negative. Bytes that are not
/// UTF-8 become U+FFFD: names come from anyone's tables, and dump() would throw.
[[nodiscard]] std::string json_text(const Json& value, int indent = -1);

/// The value as a user would recognise it in a message, in printable ASCII (all else is escaped, as
/// JSON does it) and cut to a line's length.
[[nodiscard]] std::string shown(const Json& value);

/// A hash (as of hash_text()) of everything in `object` but its field "checksum", where it belongs:
/// what was changed by hand, or by a failing disk, no longer has it.
[[nodiscard]] std::string checksum_of(Json object);

/// Writes `value` with two-space indentation, atomically. NaN and infinity become null.
void write_json(const std::filesystem::path& path, const Json& value);

/// Typed access to the fields of one JSON object, with errors that say where it stands:
/// "results.json: [17].final_loss: expected a number, found "abc"".
class ObjectReader {
 public:
  /// `where` is the path of the object, as "results.json: [17]". Throws if `value` is no object.
  ObjectReader(const Json& value, std::string where);

  [[nodiscard]] bool has(std::string_view key) const;  ///< present and not null
  [[nodiscard]] double number(std::string_view key) const;
  [[nodiscard]] double positive(std::string_view key) const;
  [[nodiscard]] int64_t integer(std::string_view key) const;
  [[nodiscard]] std::string text(std::string_view key) const;
  /// What hash_text() wrote.
  [[nodiscard]] std::string hash(std::string_view key) const;
  [[nodiscard]] ObjectReader object(std::string_view key) const;
  [[nodiscard]] std::optional<double> maybe_number(std::string_view key) const;
  [[nodiscard]] std::string text_or(std::string_view key, std::string_view fallback) const;
  /// Empty where the field is absent, null or empty, as in files of the Python tool.
  [[nodiscard]] std::string hash_or_none(std::string_view key) const;
  [[nodiscard]] double number_or(std::string_view key, double fallback) const;
  [[nodiscard]] int64_t integer_or(std::string_view key, int64_t fallback) const;
  [[nodiscard]] const Json& at(std::string_view key) const;
  [[nodiscard]] auto items() const { return value_->items(); }
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  [[noreturn]] void fail(std::string_view key, std::string_view expected) const;
  const Json* value_;
  std::string where_;
};

// For what is optional in a file that is shown as far as it goes: an absent field, null and a value
// of another kind are all the same. `member` answers null for them.
[[nodiscard]] const Json& member(const Json& object, std::string_view key);
[[nodiscard]] std::optional<double> member_number(const Json& object, std::string_view key);
[[nodiscard]] std::string member_text(const Json& object, std::string_view key);

/// null for NaN, infinity and an empty optional; otherwise the number.
[[nodiscard]] Json number_or_null(double value);
[[nodiscard]] Json number_or_null(const std::optional<double>& value);

}  // namespace ff::io
