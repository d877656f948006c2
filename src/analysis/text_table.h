// SPDX-License-Identifier: MIT
#pragma once
// What the reports are made of: sections of paragraphs, lists and tables, described once and
// rendered as text for the terminal or as GitHub's Markdown.
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ff::analysis {

/// A table with columns as wide as their widest cell; all cells right-aligned but the first.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  /// A short row ends with empty cells.
  void add(std::vector<std::string> row);
  [[nodiscard]] bool empty() const { return rows_.size() == 1; }

  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string markdown() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

struct List {
  std::vector<std::string> items;
};

struct Section {
  std::string title;
  std::vector<std::variant<std::string, List, Table>> blocks;

  // Nothing to say adds nothing.
  void add(std::string paragraph);
  void add(List list);
  void add(Table table);
};

/// Sections without blocks are left out, here and in Markdown.
[[nodiscard]] std::string as_text(std::span<const Section> sections);
[[nodiscard]] std::string as_markdown(const std::string& title, std::span<const Section> sections);

[[nodiscard]] Section warning_section(const std::vector<std::string>& warnings);

/// How many warnings there are, and the first; empty if there are none.
[[nodiscard]] std::string warning_line(const std::vector<std::string>& warnings);

}  // namespace ff::analysis
