// SPDX-License-Identifier: MIT
#include "text_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace ff::analysis {

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

std::string warning_list(const std::vector<std::string>& warnings) {
  std::string text = warnings.empty() ? "" : "\nWarnings\n";
  for (const std::string& warning : warnings) {
    text += fmt::format("  - {}\n", warning);
  }
  return text;
}

std::string warning_line(const std::vector<std::string>& warnings) {
  return warnings.empty() ? std::string()
                          : fmt::format("{} warning{}; the first: {}\n",
                                        warnings.size(),
                                        warnings.size() == 1 ? "" : "s",
                                        warnings.front());
}

}  // namespace ff::analysis
