// SPDX-License-Identifier: MIT
#include "flops_fit/io/table.h"

#include "flops_fit/config/scalar.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_set>

namespace ff::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

enum class Format { kJson, kJsonLines, kCsv };

Format format_of(const fs::path& path, std::string_view text) {
  const std::string extension = config::lower(path.extension().string());
  if (extension == ".json") {
    return Format::kJson;
  }
  if (extension == ".jsonl" || extension == ".ndjson") {
    return Format::kJsonLines;
  }
  if (extension == ".csv") {
    return Format::kCsv;
  }
  text.remove_prefix(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
  const size_t first = text.find_first_not_of(" \t\r\n");
  const char c = first == std::string_view::npos ? ',' : text[first];
  return c == '[' ? Format::kJson : c == '{' ? Format::kJsonLines : Format::kCsv;
}

void read_array(const fs::path& path, std::string_view remedy, Table& table) {
  Json json = read_json(path, remedy);
  if (!json.is_array()) {
    throw error<FileError>("{}: expected an array of results, found {}; {}.",
                           path.string(),
                           json.is_object() ? "an object" : json.type_name(),
                           remedy);
  }
  for (size_t i = 0; i < json.size(); ++i) {
    table.add({std::move(json[i]), fmt::format("{}: [{}]", path.string(), i)});
  }
}

void read_lines(std::string_view text, Table& table) {
  text.remove_prefix(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      continue;
    }
    const std::string where = fmt::format("{}:{}", table.file, number);
    try {
      table.add({parse_json(line), where});
    } catch (const JsonError& problem) {
      throw error<FileError>("{}: not one JSON object a line ({}); restore the file{}.",
                             where,
                             problem.what(),
                             text.empty() ? " (cut off?)" : "");
    }
  }
}

/// Every key that has a value in some row, in the order of first appearance.
void collect_columns(Table& table) {
  std::unordered_set<std::string> seen;
  const auto add = [&](const std::string& name) {
    if (seen.insert(name).second) {
      table.columns.push_back(name);
    }
  };
  for (const Row& row : table.rows) {
    static_cast<void>(ObjectReader(row.values, row.where));  // throws unless it is an object
    for (const auto& [name, value] : row.values.items()) {
      if (value.is_primitive() && !value.is_null()) {
        add(name);
      } else if (value.is_object()) {
        for (const auto& [inner, unused] : value.items()) {
          add(name + "." + inner);
        }
      }
    }
  }
}

/// Null where there is nothing.
const Json* cell(const Row& row, std::string_view column) {
  auto found = row.values.find(column);
  const Json* value = found != row.values.end() ? &*found : nullptr;
  const size_t dot = column.find('.');
  if (value == nullptr && dot != std::string_view::npos) {
    found = row.values.find(column.substr(0, dot));
    if (found != row.values.end() && found->is_object()) {
      const auto inner = found->find(column.substr(dot + 1));
      value = inner != found->end() ? &*inner : nullptr;
    }
  }
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string as_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

}  // namespace

bool Table::has(std::string_view column) const {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

void Table::add(Row row) {
  cells += row.values.size();
  if (rows.size() == kMaxRows || cells > kMaxCells) {
    throw error<FileError>(
        "{}: the table has more than {} rows or {} cells; leave out what is not needed.",
        row.where,
        kMaxRows,
        kMaxCells);
  }
  rows.push_back(std::move(row));
}

std::string Table::list_columns() const {
  constexpr size_t kShown = 40;
  const auto end = columns.begin() + static_cast<std::ptrdiff_t>(std::min(columns.size(), kShown));
  std::string text = fmt::format("{}", fmt::join(columns.begin(), end, ", "));
  // A message is one line.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c >= 0 && c < ' '; }, '?');
  return columns.size() > kShown ? fmt::format("{} and {} more", text, columns.size() - kShown)
                                 : text;
}

Table read_table(const fs::path& path, std::string_view remedy) {
  std::error_code failure;
  if (!fs::exists(path, failure)) {
    throw error<FileError>("{}: no such file; {}.", path.string(), remedy);
  }
  std::string text = read_file(path);
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    throw error<FileError>("{}: the file is empty; {}.", path.string(), remedy);
  }
  if (const size_t nul = text.find('\0'); nul != std::string::npos) {
    const auto line =
        1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(nul), '\n');
    throw error<FileError>(
        "{}:{}: a NUL byte; the file is damaged, or not text in UTF-8.", path.string(), line);
  }
  Table table{.file = path.string()};
  switch (format_of(path, text)) {
    case Format::kJson:
      text = std::string();  // it is read once more
      read_array(path, remedy, table);
      break;
    case Format::kJsonLines:
      read_lines(text, table);
      break;
    case Format::kCsv:
      table = parse_csv(text, path.string());
      if (table.rows.empty()) {
        throw error<FileError>("{}: a header and no rows; {}.", path.string(), remedy);
      }
      return table;
  }
  collect_columns(table);
  return table;
}

std::optional<std::string> text_in(const Row& row, std::string_view column) {
  const Json* value = cell(row, column);
  return value != nullptr ? std::optional(as_text(*value)) : std::nullopt;
}

std::optional<double> number_in(const Row& row, std::string_view column) {
  const Json* value = cell(row, column);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->is_number()) {
    return value->get<double>();
  }
  const std::string text = as_text(*value);
  const std::optional<double> number = value->is_string() ? config::parse_real(text) : std::nullopt;
  if (!number) {
    throw error<FileError>(
        "{}: column {}: expected a number such as 1234.5 or 1e9, found {}; correct the file, "
        "or leave the row out with input.filter.",
        row.where,
        column,
        json_text(text.substr(0, 40)));
  }
  return number;
}

}  // namespace ff::io
