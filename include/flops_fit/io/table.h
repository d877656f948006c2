// SPDX-License-Identifier: MIT
#pragma once
// Tables of runs from anywhere: a JSON array of objects, JSONL (one object a line), or CSV with a
// header line (RFC 4180). Each row becomes one JSON object, so that what follows sees one shape.
#include "flops_fit/io/json.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ff::io {

struct Row {
  Json values;        ///< an object; a cell of a CSV is a string, an empty one is absent
  std::string where;  ///< "runs.csv:17", "results.json: [16]"
};

/// The largest table: a row takes about a kilobyte on the way to a fit, a cell a hundred bytes.
inline constexpr size_t kMaxRows = 1'000'000;
inline constexpr size_t kMaxCells = 20'000'000;

struct Table {
  std::string file;
  /// In the file's order. A nested object's fields are columns too: "params.total".
  std::vector<std::string> columns;
  std::vector<Row> rows;
  size_t cells = 0;  ///< in all rows

  [[nodiscard]] bool has(std::string_view column) const;
  [[nodiscard]] std::string list_columns() const;  ///< "a, b, c", for messages
  /// Appends a row. Throws FileError if the table becomes too large.
  void add(Row row);
};

/// The format is the extension's (.json, .jsonl, .ndjson, .csv), else the first character's. Throws
/// FileError for a missing, empty or damaged file, naming the line; `remedy` ends the message.
[[nodiscard]] Table read_table(const std::filesystem::path& path, std::string_view remedy);

/// None where the row has nothing there (no such key, null, an empty cell).
[[nodiscard]] std::optional<std::string> text_in(const Row& row, std::string_view column);
/// Throws FileError naming line and column if there is something else than a number. "nan" and
/// "inf" are numbers.
[[nodiscard]] std::optional<double> number_in(const Row& row, std::string_view column);

/// The rows of a CSV text; `file` is for the messages.
[[nodiscard]] Table parse_csv(std::string_view text, const std::string& file);

}  // namespace ff::io
