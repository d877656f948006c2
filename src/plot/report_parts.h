// SPDX-License-Identifier: MIT
#pragma once
// What the pages of report.html are made of. All texts returned are HTML.
#include "flops_fit/io/laws.h"
#include "flops_fit/io/lr_transfer.h"
#include "flops_fit/plot/report.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ff::plot {

inline constexpr const char* kNone = "–";

using Row = std::vector<std::string>;                              // cells as HTML
using Entries = std::vector<std::pair<const char*, std::string>>;  // name and plain text

/// Three significant digits.
[[nodiscard]] std::string significant(double value);
/// 1.23M.
[[nodiscard]] std::string count(double value);

[[nodiscard]] std::string table(const Row& header,
                                const std::vector<Row>& rows,
                                std::optional<size_t> emphasised = std::nullopt);

/// The warnings of the analysis, and the problems of the drawing; empty if there are none.
[[nodiscard]] std::string warnings(const std::vector<std::string>& of_analysis,
                                   const ReportContent& content);

[[nodiscard]] std::string figures(const ReportContent& content);

/// How well the planner predicted the runs' times; empty if no run has a prediction.
[[nodiscard]] std::string times(const ReportContent& content);

/// What the law says of runs that it has not seen, and under other conventions; empty if nothing.
[[nodiscard]] std::string checks(const io::ScalingLaws& laws);

/// "How this was made": who drew it, `entries` (those that are not empty), and from which files.
[[nodiscard]] std::string provenance(const Entries& entries, const ReportContent& content);

/// A whole page with its heading.
[[nodiscard]] std::string page(const std::string& heading, const std::string& body);

/// The page of an lr_transfer sweep.
[[nodiscard]] std::string lr_transfer_page(const io::LrTransfer& transfer,
                                           const ReportContent& content);

}  // namespace ff::plot
