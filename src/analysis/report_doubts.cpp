// SPDX-License-Identifier: MIT
#include "report_parts.h"

#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace ff::analysis {
namespace {

constexpr double kLargeFactor = 0.05;  // of N

/// How far the estimators that could lead differ, beside what resampling says.
std::string estimator_spread(const io::ScalingLaws& laws) {
  std::vector<std::string> names;
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const io::Estimator& e : laws.estimators) {
    const EstimatorEntry* entry = find_estimator(e.name);
    if (entry != nullptr && entry->fallback != kNoFallback && e.usable() && e.exponent_a) {
      names.push_back(e.name);
      low = std::min(low, *e.exponent_a);
      high = std::max(high, *e.exponent_a);
    }
  }
  if (names.size() < 2) {
    return "";
  }
  std::string text =
      fmt::format("Model uncertainty: a moves by {:.3f} ({:.3f} to {:.3f}) between {}",
                  high - low,
                  low,
                  high,
                  enumerated(names));
  if (laws.n_opt_fit && laws.n_opt_fit->a_ci) {
    text += fmt::format("; the {} bootstrap interval of {} is {:.3f} wide",
                        level_of(laws),
                        headline_of(laws),
                        laws.n_opt_fit->a_ci->high - laws.n_opt_fit->a_ci->low);
  }
  return text + ".";
}

std::optional<double> interval_width(const io::ScalingLaws& laws, std::string_view name) {
  for (const io::Estimator& e : laws.estimators) {
    if (e.name == name && e.exponent_a_ci) {
      return e.exponent_a_ci->high - e.exponent_a_ci->low;
    }
  }
  return std::nullopt;
}

/// What parabolas through these sizes miss on the fitted surface, and whether it matters.
std::string parabola_bias(const io::ScalingLaws& laws) {
  const auto shift = io::member_number(laws.parabola_bias, "exponent_a");
  if (!shift) {
    return "";
  }
  std::vector<std::string> factors;
  double furthest = 0;
  for (const io::Json& target : io::member(laws.parabola_bias, "targets")) {
    if (const auto factor = io::member_number(target, "n_factor")) {
      factors.push_back(fmt::format(
          "{:.3f} at {} FLOP", *factor, flops(io::member_number(target, "target_compute"))));
      furthest = std::max(furthest, std::abs(*factor - 1));
    }
  }
  std::string text = fmt::format(
      "Bias of the parabola (without any noise, from these sizes alone): quadratic's a comes out "
      "{:.4f} too {}{}{}",
      std::abs(*shift),
      *shift < 0 ? "low" : "high",
      factors.empty() ? "" : ", its N times ",
      fmt::join(factors, ", "));
  const auto width = interval_width(laws, "quadratic");
  const bool large = furthest > kLargeFactor || (width && std::abs(*shift) > *width / 2);
  text += large ? ". That is not small: compare quadratic with the others only after "
                  "fitting.subtract_bias=true, or train sizes nearer to the optimum."
                : ". That is small beside the other uncertainties.";
  return text;
}

}  // namespace

Section uncertainty_section(const io::ScalingLaws& laws) {
  Section section{.title = "What the intervals do not show", .blocks = {}};
  section.add(estimator_spread(laws));
  section.add(parabola_bias(laws));
  return section;
}

Section convention_section(const io::ScalingLaws& laws) {
  Section section{.title = fmt::format("The law ({}) under other conventions", headline_of(laws)),
                  .blocks = {}};
  Table table({"N counted as", "C", "C / (N D)", "a", "k", "N", "at [FLOP]", ""});
  for (const io::Json& row : laws.conventions) {
    if (!row.is_object()) {
      continue;
    }
    const std::string status = io::member_text(row, "status");
    table.add({io::member_text(row, "params"),
               io::member_text(row, "flops"),
               general(io::member_number(row, "flops_per_nd")),
               fixed(io::member_number(row, "exponent_a")),
               general(io::member_number(row, "coefficient_k")),
               count(io::member_number(row, "model_size")),
               flops(io::member_number(row, "target_compute")),
               status == "ok" ? "" : status});
  }
  section.add(std::move(table));
  return section;
}

}  // namespace ff::analysis
