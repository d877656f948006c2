// SPDX-License-Identifier: MIT
#include "text_table.h"

#include "flops_fit/util/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

namespace ff::analysis {
namespace {

constexpr size_t kTextWidth = 120;

// Names come from anyone's tables, so that all text passes through printable_text().

/// Lines of at most kTextWidth, broken at blanks.
std::string wrapped(std::string_view paragraph, std::string_view first, std::string_view rest) {
  const std::string plain = printable_text(paragraph);
  std::string_view text = plain;
  std::string result;
  std::string line(first);
  bool empty = true;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (!empty && line.size() + 1 + word.size() > kTextWidth) {
      result += line + "\n";
      line = rest;
      empty = true;
    }
    line += (empty ? "" : " ") + std::string(word);
    empty = false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result + line + "\n";
}

/// Text whose characters stand for themselves in Markdown, in a table's cell too.
std::string escaped(std::string_view foreign) {
  const std::string text = printable_text(foreign);
  const auto is_word = [&text](size_t i) {
    return i < text.size() && std::isalnum(static_cast<unsigned char>(text[i])) != 0;
  };
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    // An underscore within a word emphasises nothing: N_opt stays readable in the source.
    const bool inner = c == '_' && i > 0 && is_word(i - 1) && is_word(i + 1);
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    // Brackets alone say nothing ([90%]); "](", "][" and "]:" would make a link or a picture.
    const bool link = c == ']' && (next == '(' || next == '[' || next == ':');
    const bool entity = c == '&' && (next == '#' || is_word(i + 1));
    if (link || entity ||
        (std::string_view("\\`*_<~|$").find(c) != std::string_view::npos && !inner)) {
      result += '\\';
    }
    result += c;
  }
  return result;
}

std::string text_of(const std::string& paragraph) {
  return wrapped(paragraph, "  ", "  ");
}
std::string text_of(const List& list) {
  std::string text;
  for (const std::string& item : list.items) {
    text += wrapped(item, "  - ", "    ");
  }
  return text;
}
std::string text_of(const Table& table) {
  return table.text();
}

std::string markdown_of(const std::string& paragraph) {
  return escaped(paragraph) + "\n";
}
std::string markdown_of(const List& list) {
  std::string text;
  for (const std::string& item : list.items) {
    text += fmt::format("- {}\n", escaped(item));
  }
  return text;
}
std::string markdown_of(const Table& table) {
  return table.markdown();
}

}  // namespace

void Table::add(std::vector<std::string> row) {
  row.resize(rows_.front().size());
  for (std::string& cell : row) {
    cell = printable_text(cell);
  }
  rows_.push_back(std::move(row));
}

std::string Table::text() const {
  std::vector<size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string result;
  for (const auto& row : rows_) {
    std::string line = "  ";
    for (size_t i = 0; i < row.size(); ++i) {
      line += i == 0 ? fmt::format("{:<{}}", row[i], widths[i])
                     : fmt::format("  {:>{}}", row[i], widths[i]);
    }
    result += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return result;
}

std::string Table::markdown() const {
  std::string result;
  for (const auto& row : rows_) {
    for (const std::string& cell : row) {
      result += fmt::format("| {} ", escaped(cell));
    }
    result += "|\n";
    if (&row == &rows_.front()) {
      for (size_t i = 0; i < row.size(); ++i) {
        result += i == 0 ? "| :-- " : "| --: ";
      }
      result += "|\n";
    }
  }
  return result;
}

void Section::add(std::string paragraph) {
  if (!paragraph.empty()) {
    blocks.emplace_back(std::move(paragraph));
  }
}

void Section::add(List list) {
  if (!list.items.empty()) {
    blocks.emplace_back(std::move(list));
  }
}

void Section::add(Table table) {
  if (!table.empty()) {
    blocks.emplace_back(std::move(table));
  }
}

std::string as_text(std::span<const Section> sections) {
  std::string text;
  for (const Section& section : sections) {
    if (section.blocks.empty()) {
      continue;
    }
    text += (text.empty() ? "" : "\n") + section.title + "\n";
    for (const auto& block : section.blocks) {
      text += std::visit([](const auto& b) { return text_of(b); }, block);
    }
  }
  return text;
}

std::string as_markdown(const std::string& title, std::span<const Section> sections) {
  std::string text = fmt::format("# {}\n", escaped(title));
  for (const Section& section : sections) {
    if (section.blocks.empty()) {
      continue;
    }
    text += fmt::format("\n## {}\n", escaped(section.title));
    for (const auto& block : section.blocks) {
      text += "\n" + std::visit([](const auto& b) { return markdown_of(b); }, block);
    }
  }
  return text;
}

Section warning_section(const std::vector<std::string>& warnings) {
  Section section{.title = "Warnings", .blocks = {}};
  section.add(List{warnings});
  return section;
}

std::string warning_line(const std::vector<std::string>& warnings) {
  return warnings.empty() ? std::string()
                          : fmt::format("{} warning{}; the first: {}\n",
                                        warnings.size(),
                                        warnings.size() == 1 ? "" : "s",
                                        printable_text(warnings.front()));
}

}  // namespace ff::analysis
