// SPDX-License-Identifier: MIT
#pragma once
// Reading and writing the JSON files between the stages: one reader that reports file, line and
// field, one writer that is atomic and keeps the key order.
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

/// Parses JSON as Python writes it: NaN and Infinity, which are not JSON, become null. Throws
/// Json::exception.
[[nodiscard]] Json parse_json(const std::string& text);

/// Writes `value` with two-space indentation, atomically. NaN and infinity are refused (a bug).
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
  [[nodiscard]] ObjectReader object(std::string_view key) const;
  [[nodiscard]] std::optional<double> maybe_number(std::string_view key) const;
  [[nodiscard]] std::string text_or(std::string_view key, std::string_view fallback) const;
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
