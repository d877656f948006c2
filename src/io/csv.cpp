// SPDX-License-Identifier: MIT
// CSV by RFC 4180, and what spreadsheets and scripts make of it: a byte order mark, any line
// ending, blank lines, blanks around unquoted cells.
#include "flops_fit/io/table.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <unordered_set>

namespace ff::io {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  /// The cells of the next line that is not blank; none at the end.
  std::optional<std::vector<std::string>> next() {
    while (at_ < text_.size()) {
      start_line_ = line_;
      std::vector<std::string> cells = {cell()};
      while (peek() == ',') {
        ++at_;
        cells.push_back(cell());
      }
      end_line();
      if (cells.size() > 1 || !cells[0].empty()) {
        return cells;
      }
    }
    return std::nullopt;
  }
  /// Of the cells that next() gave.
  int64_t line() const { return start_line_; }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\n'; }

  void end_line() {
    at_ += text_.substr(at_, 2) == "\r\n" ? 2 : 1;
    ++line_;
  }

  std::string cell() {
    const size_t start = at_;
    while (peek() == ' ' || peek() == '\t') {
      ++at_;
    }
    if (peek() == '"') {
      return quoted();
    }
    at_ = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    return std::string(trimmed(text_.substr(start, at_ - start)));
  }

  std::string quoted() {
    const int64_t opened = line_;
    std::string value;
    for (++at_;; ++at_) {
      if (at_ >= text_.size()) {
        throw error<FileError>(
            "{}:{}: the quote is never closed; restore the file.", file_, opened);
      }
      if (text_[at_] == '"') {
        if (text_.substr(at_, 2) != "\"\"") {
          break;
        }
        ++at_;
      }
      line_ += text_[at_] == '\n' ? 1 : 0;
      value += text_[at_];
    }
    ++at_;
    while (peek() == ' ' || peek() == '\t') {
      ++at_;
    }
    if (peek() != ',' && peek() != '\r' && peek() != '\n') {
      throw error<FileError>(
          "{}:{}: '{}' after a closing quote; a quote inside a quoted cell is written twice.",
          file_,
          line_,
          peek());
    }
    return value;
  }

  std::string_view text_;
  const std::string& file_;
  size_t at_ = 0;
  int64_t line_ = 1;
  int64_t start_line_ = 1;
};

}  // namespace

Table parse_csv(std::string_view text, const std::string& file) {
  if (text.starts_with("\xEF\xBB\xBF")) {
    text.remove_prefix(3);
  }
  Table table{.file = file};
  Reader reader(text, file);
  const auto header = reader.next();
  if (!header) {
    throw error<FileError>("{}: the file is empty; expected a header line and rows.", file);
  }
  // A column without a name is the index that pandas writes; it is left out.
  std::unordered_set<std::string_view> names;
  for (const std::string& name : *header) {
    if (!name.empty() && !names.insert(name).second) {
      throw error<FileError>(
          "{}:{}: two columns are called {}; rename one.", file, reader.line(), name);
    }
    if (!name.empty()) {
      table.columns.push_back(name);
    }
  }
  while (auto cells = reader.next()) {
    if (cells->size() != header->size()) {
      throw error<FileError>(
          "{}:{}: {} cells, and the header has {}; is a comma unquoted, or the line cut off?",
          file,
          reader.line(),
          cells->size(),
          header->size());
    }
    Row row{.values = Json::object(), .where = fmt::format("{}:{}", file, reader.line())};
    for (size_t i = 0; i < cells->size(); ++i) {
      if (!(*header)[i].empty() && !(*cells)[i].empty()) {
        // The names are known to differ; operator[] would search for each.
        row.values.get_ref<Json::object_t&>().emplace_back((*header)[i], std::move((*cells)[i]));
      }
    }
    table.add(std::move(row));
  }
  return table;
}

}  // namespace ff::io
