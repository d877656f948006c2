// SPDX-License-Identifier: MIT
#pragma once
// Tables as the Transformer Roofline Analyzer prints them: GitHub's pipes, two decimals, prefixes.
#include "flops_fit/cost/num.h"

#include <span>
#include <string>
#include <vector>

namespace ff::roofline {

/// "3.36 GFLOPs", "995.15 mFLOPs/Bytes": two decimals with a decimal prefix (k M G ...; m μ n ...
/// below 1). Zero has no prefix.
[[nodiscard]] std::string with_si_prefix(double value, const std::string& unit);
/// "8.00 KiB": two decimals with a binary prefix.
[[nodiscard]] std::string with_iec_prefix(double bytes);

enum class Align { kLeft, kCentre, kRight };
struct Column {
  std::string header;
  Align align = Align::kRight;
};
/// Columns are as wide as their widest cell, and two wider than their header at least. An empty row
/// is a row of blanks.
[[nodiscard]] std::string pipe_table(std::span<const Column> columns,
                                     std::span<const std::vector<std::string>> rows);

/// One operator of a table.
struct OperatorRow {
  std::string node;
  std::string blocks;  ///< "24 / 48"
  cost::Num flops, weight_bytes, input_bytes, output_bytes;
};

/// FLOPs per byte; 0 where there are no bytes.
[[nodiscard]] double operational_intensity(const OperatorRow& row);

struct StoragePart {
  std::string name;
  cost::Num bytes;
};
/// The Analyzer's table: operators, the total row, and a line on storage where there are parts of
/// it.
[[nodiscard]] std::string operator_table(std::span<const OperatorRow> rows,
                                         const OperatorRow& total,
                                         std::span<const StoragePart> storage);

}  // namespace ff::roofline
