// SPDX-License-Identifier: MIT
#include "flops_fit/roofline/table.h"

#include "flops_fit/util/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace ff::roofline {
namespace {

constexpr std::array kLarger = {"", "k", "M", "G", "T", "P", "E", "Z", "Y", "R", "Q"};
constexpr std::array kSmaller = {"m", "\u03bc", "n", "p", "f", "a", "z", "y", "r", "q"};
constexpr std::array kBinary = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};

std::string two_decimals(double value) {
  return fmt::format("{:.2f}", value);
}

/// Whether it is 1 or more as it is written.
bool reaches_one(double value) {
  return value >= 1.0 || two_decimals(value) == "1.00";
}

/// The largest unit of which there is at least one.
template <size_t kCount>
std::string scaled(double value,
                   double step,
                   const std::array<const char*, kCount>& prefixes,
                   const std::string& unit) {
  size_t prefix = 0;
  double factor = 1.0;
  while (prefix + 1 < kCount && reaches_one(value / (factor * step))) {
    factor *= step;
    ++prefix;
  }
  return fmt::format("{} {}{}", two_decimals(value / factor), prefixes[prefix], unit);
}

/// Code points: what a cell is wide.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

std::string padded(const std::string& text, size_t width, Align align) {
  const size_t room = width - width_of(text);
  const size_t left = align == Align::kLeft ? 0 : align == Align::kRight ? room : room / 2;
  return std::string(left, ' ') + text + std::string(room - left, ' ');
}

std::vector<std::string> cells_of(const OperatorRow& row) {
  return {row.node,
          row.blocks,
          with_si_prefix(row.flops.to_double(), "FLOPs"),
          with_iec_prefix(row.weight_bytes.to_double()),
          with_iec_prefix(row.input_bytes.to_double()),
          with_iec_prefix(row.output_bytes.to_double()),
          with_si_prefix(operational_intensity(row), "FLOPs/Bytes")};
}

}  // namespace

std::string with_si_prefix(double value, const std::string& unit) {
  if (value == 0.0 || value >= 1.0) {
    return scaled(value, 1000.0, kLarger, unit);
  }
  size_t prefix = 0;
  double factor = 1e-3;
  while (prefix + 1 < kSmaller.size() && !reaches_one(value / factor)) {
    factor *= 1e-3;
    ++prefix;
  }
  return fmt::format("{} {}{}", two_decimals(value / factor), kSmaller[prefix], unit);
}

std::string with_iec_prefix(double bytes) {
  return scaled(bytes, 1024.0, kBinary, "B");
}

std::string pipe_table(std::span<const Column> columns,
                       std::span<const std::vector<std::string>> given) {
  // Names come from files: none may end its line and forge another.
  std::vector<std::vector<std::string>> rows(given.begin(), given.end());
  for (std::vector<std::string>& row : rows) {
    for (std::string& cell : row) {
      cell = printable_text(cell);
    }
  }
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns.size(); ++i) {
    widths.push_back(width_of(columns[i].header) + 2);
    for (const auto& row : rows) {
      if (!row.empty()) {
        widths[i] = std::max(widths[i], width_of(row[i]));
      }
    }
  }
  const auto line = [&](const auto& cell) {
    std::string out = "|";
    for (size_t i = 0; i < columns.size(); ++i) {
      out += " " + padded(cell(i), widths[i], columns[i].align) + " |";
    }
    return out + "\n";
  };
  std::string out = line([&](size_t i) { return columns[i].header; });
  out += "|";
  for (const size_t width : widths) {
    out += std::string(width + 2, '-') + "|";
  }
  out += "\n";
  for (const auto& row : rows) {
    out += line([&](size_t i) { return row.empty() ? std::string() : row[i]; });
  }
  return out;
}

double operational_intensity(const OperatorRow& row) {
  const cost::Num bytes = row.weight_bytes + row.input_bytes + row.output_bytes;
  return bytes == cost::Num(0) ? 0.0 : row.flops.to_double() / bytes.to_double();
}

std::string operator_table(std::span<const OperatorRow> rows,
                           const OperatorRow& total,
                           std::span<const StoragePart> storage) {
  const std::array columns = {Column{"Node", Align::kLeft},
                              Column{"Block Count", Align::kCentre},
                              Column{"Compute"},
                              Column{"Bandwidth (Weight)"},
                              Column{"Bandwidth (Input)"},
                              Column{"Bandwidth (Output)"},
                              Column{"Operational Intensity"}};
  std::vector<std::vector<std::string>> cells;
  for (const OperatorRow& row : rows) {
    cells.push_back(cells_of(row));
  }
  cells.emplace_back();
  cells.push_back(cells_of(total));
  std::string out = pipe_table(columns, cells);
  if (storage.empty()) {
    return out;
  }
  out += "\nMinimum Storage Requirement: ";
  cost::Num sum = 0;
  for (const StoragePart& part : storage) {
    out += fmt::format("{}({}) {}",
                       sum == cost::Num(0) ? "" : " + ",
                       part.name,
                       with_iec_prefix(part.bytes.to_double()));
    sum += part.bytes;
  }
  return out + fmt::format(" = {}\n", with_iec_prefix(sum.to_double()));
}

}  // namespace ff::roofline
