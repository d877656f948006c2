// SPDX-License-Identifier: MIT
#pragma once
// The sections of the report on scaling laws, by theme. kBrief is for the terminal, kFull for
// report.md. What is absent from the laws is left out of a section.
#include "text_table.h"

#include "flops_fit/analysis/optimal_configs.h"
#include "flops_fit/io/laws.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ff::analysis {

enum class Detail { kBrief, kFull };

/// Longer tables are for report.md only.
inline constexpr size_t kMaxPrintedRows = 15;
inline constexpr const char* kNone = "-";

// report_fits.cpp
[[nodiscard]] Section law_section(const io::ScalingLaws& laws);
[[nodiscard]] Section estimator_section(const io::ScalingLaws& laws, Detail detail);

// report_certificates.cpp
[[nodiscard]] Section certificate_section(const io::ScalingLaws& laws, Detail detail);

// report_predictions.cpp
[[nodiscard]] Section prediction_section(const io::ScalingLaws& laws, Detail detail);
/// Serving, repeated tokens and training times, where they were asked for.
[[nodiscard]] Section scenario_section(const io::ScalingLaws& laws);

// report_doubts.cpp: how far the answer moves with the estimator, the parabola, the runs and the
// conventions.
[[nodiscard]] Section uncertainty_section(const io::ScalingLaws& laws);
[[nodiscard]] Section convention_section(const io::ScalingLaws& laws);

// report_validation.cpp
[[nodiscard]] Section rollout_section(const io::ScalingLaws& laws, Detail detail);
[[nodiscard]] Section holdout_section(const io::ScalingLaws& laws, Detail detail);
[[nodiscard]] Section jackknife_section(const io::ScalingLaws& laws, Detail detail);

// report_budgets.cpp
[[nodiscard]] Section budget_section(const io::ScalingLaws& laws, Detail detail);
[[nodiscard]] Section vertex_section(const io::ScalingLaws& laws);
[[nodiscard]] Section config_section(const std::vector<OptimalConfig>& configs, Detail detail);

// Cells. What is absent is kNone.
[[nodiscard]] std::string fixed(const std::optional<double>& value, int digits = 4);
/// "4.9e+04": wide-ranging numbers, as coefficients.
[[nodiscard]] std::string general(const std::optional<double>& value);
[[nodiscard]] std::string count(const std::optional<double>& value);
[[nodiscard]] std::string flops(const std::optional<double>& value);
[[nodiscard]] std::string percent(const std::optional<double>& share, int digits = 2);
/// "[low, high]", or nothing.
[[nodiscard]] std::string brackets(const std::optional<io::Interval>& interval,
                                   const std::function<std::string(double)>& show);
/// "a, b and c".
[[nodiscard]] std::string enumerated(const std::vector<std::string>& words);

[[nodiscard]] std::string headline_of(const io::ScalingLaws& laws);
/// "95%".
[[nodiscard]] std::string level_of(const io::ScalingLaws& laws);
/// "runs" or "budgets": what the estimator's num_points counts.
[[nodiscard]] std::string_view points_of(const io::Estimator& estimator);

}  // namespace ff::analysis
