// SPDX-License-Identifier: MIT
#pragma once
// What the text reports are made of.
#include <string>
#include <utility>
#include <vector>

namespace ff::analysis {

/// A table with columns as wide as their widest cell; all cells right-aligned but the first.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// All warnings under a heading; empty if there are none.
[[nodiscard]] std::string warning_list(const std::vector<std::string>& warnings);

/// How many warnings there are, and the first; empty if there are none.
[[nodiscard]] std::string warning_line(const std::vector<std::string>& warnings);

}  // namespace ff::analysis
