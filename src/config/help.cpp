// SPDX-License-Identifier: MIT
#include "flops_fit/config/dump.h"
#include "flops_fit/util/error.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace ff::config {
namespace {

struct Row {
  std::string name;  ///< indented by depth
  std::string value;
  std::string doc;
};

void collect(const Schema& group, size_t depth, std::vector<Row>& rows) {
  for (const Schema& child : group.children) {
    if (child.is_refused()) {
      continue;
    }
    const std::string name = std::string(2 * depth, ' ') + child.name;
    if (child.is_group()) {
      rows.push_back({name + ":", "", child.doc});
      collect(child, depth + 1, rows);
    } else {
      rows.push_back({name, yaml_value(child.value), full_doc(child)});
    }
  }
}

/// The widest entry, but no wider than `cap`: one long default must not push all text to the right.
template <class Member>
size_t column_width(const std::vector<Row>& rows, Member member, size_t cap) {
  size_t width = 0;
  for (const Row& row : rows) {
    const size_t size = (row.*member).size();
    width = size <= cap ? std::max(width, size) : width;
  }
  return width;
}

void write_comment(std::string_view text, size_t indent, std::string& out) {
  for (const std::string& line : wrap(text, 98 - indent)) {
    out += fmt::format("{}# {}\n", std::string(indent, ' '), line);
  }
}

void write_defaults(const Schema& group, size_t indent, std::string& out) {
  bool first = true;
  bool after_group = false;
  for (const Schema& child : group.children) {
    if (child.is_refused()) {
      continue;
    }
    // Groups stand apart; keys of one group stay together.
    out += !first && (child.is_group() || after_group) ? "\n" : "";
    first = false;
    after_group = child.is_group();
    const std::string margin(indent, ' ');
    write_comment(child.is_group() ? child.doc : full_doc(child), indent, out);
    if (child.is_group()) {
      out += fmt::format("{}{}:\n", margin, child.name);
      write_defaults(child, indent + 2, out);
    } else {
      out += fmt::format("{}{}: {}\n", margin, child.name, yaml_value(child.value));
    }
  }
}

}  // namespace

std::vector<std::string> wrap(std::string_view text, size_t width) {
  std::vector<std::string> lines;
  std::string line;
  while (!text.empty()) {
    const auto start = text.find_first_not_of(" \n");
    if (start == std::string_view::npos) {
      break;
    }
    text.remove_prefix(start);
    const auto end = std::min(text.find_first_of(" \n"), text.size());
    if (!line.empty() && line.size() + 1 + end > width) {
      lines.push_back(std::move(line));
      line.clear();
    }
    line += (line.empty() ? "" : " ") + std::string(text.substr(0, end));
    text.remove_prefix(end);
  }
  if (!line.empty()) {
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string full_doc(const Schema& schema) {
  std::string out = schema.doc;
  if (!schema.unit.empty()) {
    // In the sentence, not behind it: "Smallest budget [FLOP]."
    const bool stop = !out.empty() && out.back() == '.';
    out.resize(out.size() - (stop ? 1 : 0));
    out += fmt::format(" [{}]{}", schema.unit, stop ? "." : "");
  }
  if (!schema.choices.empty()) {
    out += fmt::format(" One of: {}.", fmt::join(schema.choices, ", "));
  }
  const bool has_min = std::isfinite(schema.min);
  const bool has_max = std::isfinite(schema.max);
  const bool number = schema.type == Schema::Type::kInt || schema.type == Schema::Type::kReal;
  if (number && has_min && has_max) {
    out += fmt::format(" From {} to {}.", format_number(schema.min), format_number(schema.max));
  } else if (number && has_min) {
    out += fmt::format(" At least {}.", format_number(schema.min));
  } else if (number && has_max) {
    out += fmt::format(" At most {}.", format_number(schema.max));
  }
  return out;
}

std::string help_tree(const Schema& schema, std::string_view group, size_t width) {
  std::vector<Row> rows;
  if (group.empty()) {
    collect(schema, 0, rows);
  } else {
    const Schema* found = schema.find(group);
    if (found == nullptr) {
      std::vector<std::string> known = keys(schema);
      for (const Schema& child : schema.children) {
        known.push_back(child.name);
      }
      throw error<ConfigError>(
          "--help {}: there is no such key or group.{}", group, suggestion(group, known));
    }
    if (found->is_refused()) {
      throw error<ConfigError>("{} is not used here: {}.", group, found->refusal);
    }
    Schema top;
    top.children.push_back(*found);
    top.children.front().name = group;
    collect(top, 0, rows);
  }
  const size_t names = column_width(rows, &Row::name, 30);
  const size_t defaults = column_width(rows, &Row::value, 18);
  const size_t doc_column = 2 + names + 2 + defaults + 2;
  const size_t doc_width = width > doc_column + 20 ? width - doc_column : 20;
  std::string out;
  for (const Row& row : rows) {
    std::string head = fmt::format("  {:<{}}  {:<{}}  ", row.name, names, row.value, defaults);
    const auto lines = wrap(row.doc, doc_width);
    size_t next = 0;
    if (head.size() == doc_column && !lines.empty()) {
      head += lines[next++];
    }
    head.erase(head.find_last_not_of(' ') + 1);
    out += head + '\n';
    for (; next < lines.size(); ++next) {
      out += std::string(doc_column, ' ') + lines[next] + '\n';
    }
  }
  return out;
}

std::string defaults_file(const Schema& schema, std::string_view header) {
  std::string out;
  write_comment(header, 0, out);
  out += '\n';
  write_defaults(schema, 0, out);
  return out;
}

}  // namespace ff::config
