// SPDX-License-Identifier: MIT
#include "input_parts.h"

#include "flops_fit/config/scalar.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <array>

namespace ff::analysis {
namespace {

struct Condition {
  std::string text;  ///< as given
  std::string column, op, value;
  std::optional<double> number;  ///< the value, if it is one
};

std::string trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos
             ? ""
             : std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

Condition parse(const std::string& text) {
  const size_t at = text.find_first_of("=!<>");
  Condition condition{.text = text};
  if (at != std::string::npos) {
    for (const char* op : {"!=", "<=", ">=", "=", "<", ">"}) {
      if (condition.op.empty() && text.compare(at, std::string_view(op).size(), op) == 0) {
        condition.op = op;
      }
    }
    condition.column = trim(std::string_view(text).substr(0, at));
    condition.value = trim(std::string_view(text).substr(at + condition.op.size()));
    condition.number = config::parse_real(condition.value);
  }
  if (condition.op.empty() || condition.column.empty()) {
    throw error<ConfigError>(
        "input.filter: \"{}\" is no condition; write column=value (or !=, <, >, <=, >=), as "
        "input.filter=[source=c4,lr<0.01].",
        text);
  }
  if ((condition.op.find_first_of("<>") != std::string::npos) && !condition.number) {
    throw error<ConfigError>(
        "input.filter: \"{}\" compares with \"{}\", which is no number.", text, condition.value);
  }
  return condition;
}

bool holds(const Condition& condition, const io::Row& row) {
  if (condition.op.find_first_of("<>") != std::string::npos) {
    const std::optional<double> cell = io::number_in(row, condition.column);
    const double bound = *condition.number;
    return cell && (condition.op == "<"    ? *cell < bound
                    : condition.op == ">"  ? *cell > bound
                    : condition.op == "<=" ? *cell <= bound
                                           : *cell >= bound);
  }
  const std::string cell = io::text_in(row, condition.column).value_or("");
  const std::optional<double> number = condition.number ? config::parse_real(cell) : std::nullopt;
  const bool equal = number ? *number == *condition.number : cell == condition.value;
  return equal == (condition.op == "=");
}

}  // namespace

void apply_filter(io::Table& table, const std::vector<std::string>& conditions) {
  for (const std::string& text : conditions) {
    const Condition condition = parse(text);
    if (!table.has(condition.column)) {
      throw error<ConfigError>("input.filter: \"{}\": {} has no column {}; it has {}.",
                               text,
                               table.file,
                               condition.column,
                               table.list_columns());
    }
    const size_t before = table.rows.size();
    std::erase_if(table.rows, [&](const io::Row& row) { return !holds(condition, row); });
    if (table.rows.empty()) {
      throw error<ConfigError>("input.filter: \"{}\" leaves none of the {} rows of {}{}.",
                               text,
                               before,
                               table.file,
                               conditions.size() > 1 ? " that the conditions before it left" : "");
    }
  }
}

}  // namespace ff::analysis
