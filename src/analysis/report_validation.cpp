// SPDX-License-Identifier: MIT
#include "report_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ff::analysis {
namespace {

/// The headline's part of a check, or every estimator's: (name, part).
std::vector<std::pair<std::string, io::Json>> parts_of(const io::ScalingLaws& laws,
                                                       const char* check,
                                                       Detail detail) {
  std::vector<std::pair<std::string, io::Json>> parts;
  const io::Json& all = io::member(laws.validation, check);
  if (all.is_object()) {
    for (const auto& [name, part] : all.items()) {
      if (detail == Detail::kFull || name == headline_of(laws)) {
        parts.emplace_back(name, part);
      }
    }
  }
  return parts;
}

std::string status_cell(const io::Json& row) {
  const std::string status = io::member_text(row, "status");
  return status == "ok" ? "" : status;
}

/// How far the exponent moves with the cut, beside what resampling says.
std::string movement(const io::ScalingLaws& laws, const io::Json& rows) {
  if (!laws.n_opt_fit || !laws.n_opt_fit->a_ci) {
    return "";
  }
  double low = laws.n_opt_fit->exponent_a, high = low;
  for (const io::Json& row : rows) {
    if (const auto a = io::member_number(row, "exponent_a")) {
      low = std::min(low, *a);
      high = std::max(high, *a);
    }
  }
  const double width = laws.n_opt_fit->a_ci->high - laws.n_opt_fit->a_ci->low;
  constexpr double kNoticeable = 0.005;
  return fmt::format(
      "Over the cuts and all runs {}'s a moves by {:.3f}; its {} interval is {:.3f} "
      "wide{}.",
      headline_of(laws),
      high - low,
      level_of(laws),
      width,
      high - low > std::max(width, kNoticeable)
          ? ": the law bends, and extrapolating it is less sure than "
            "the interval says"
          : "");
}

/// The most influential run in words.
std::string influence(const io::Json& part) {
  const io::Json& run = io::member(part, "most_influential");
  const auto factor = io::member_number(run, "model_size_factor");
  if (!factor) {
    return "";
  }
  return fmt::format(
      "s.e. of a {}; of {} runs the most influential is {} (N = {}, D = {} tokens): without it a = "
      "{} and N at {} FLOP is {:.3f} times the full fit's.",
      fixed(io::member_number(part, "stderr_exponent_a")),
      fixed(io::member_number(part, "runs"), 0),
      io::member_text(run, "experiment_id"),
      count(io::member_number(run, "model_size")),
      count(io::member_number(run, "num_tokens")),
      fixed(io::member_number(run, "exponent_a_without")),
      flops(io::member_number(part, "target_compute")),
      *factor);
}

}  // namespace

Section rollout_section(const io::ScalingLaws& laws, Detail detail) {
  Section section{.title = "Rollout: budgets below a cut predict those above", .blocks = {}};
  Table table({"", "cut [FLOP]", "runs below", "runs above", "a", "mean error of L", ""});
  for (const auto& [name, rows] : parts_of(laws, "rollout", detail)) {
    for (const io::Json& row : rows) {
      table.add({name,
                 flops(io::member_number(row, "cut_flops")),
                 fixed(io::member_number(row, "train_runs"), 0),
                 fixed(io::member_number(row, "test_runs"), 0),
                 fixed(io::member_number(row, "exponent_a")),
                 percent(io::member_number(row, "mean_relative_error")),
                 status_cell(row)});
    }
  }
  const bool any = !table.empty();
  section.add(std::move(table));
  if (any) {
    section.add(
        movement(laws, io::member(io::member(laws.validation, "rollout"), headline_of(laws))));
  }
  return section;
}

Section holdout_section(const io::ScalingLaws& laws, Detail detail) {
  Section section{.title = "Leave one budget out: errors of what the other budgets predict",
                  .blocks = {}};
  Table table({"", "rms of ln N", "rms of L"});
  Table rows({"",
              "budget [FLOP]",
              "N predicted",
              "N observed",
              "L predicted",
              "L observed",
              "error of L",
              ""});
  for (const auto& [name, part] : parts_of(laws, "leave_one_budget_out", Detail::kFull)) {
    table.add({name,
               fixed(io::member_number(part, "rms_log_size"), 3),
               percent(io::member_number(part, "rms_loss"), 3)});
    for (const io::Json& row : io::member(part, "budgets")) {
      rows.add({name,
                flops(io::member_number(row, "compute_budget")),
                count(io::member_number(row, "predicted_model_size")),
                count(io::member_number(row, "observed_model_size")),
                fixed(io::member_number(row, "predicted_loss")),
                fixed(io::member_number(row, "observed_loss")),
                percent(io::member_number(row, "relative_loss_error"), 3),
                status_cell(row)});
    }
  }
  section.add(std::move(table));
  if (detail == Detail::kFull) {
    section.add(std::move(rows));
  }
  return section;
}

Section jackknife_section(const io::ScalingLaws& laws, Detail detail) {
  Section section{.title = "Jackknife: without one run at a time", .blocks = {}};
  if (detail == Detail::kBrief) {
    for (const auto& [name, part] : parts_of(laws, "jackknife", detail)) {
      section.add(influence(part));
    }
    return section;
  }
  Table table({"",
               "refits",
               "s.e. of a",
               "most influential run",
               "its N",
               "its D [tokens]",
               "a without it",
               "N without it, times",
               "at [FLOP]"});
  for (const auto& [name, part] : parts_of(laws, "jackknife", detail)) {
    const io::Json& run = io::member(part, "most_influential");
    table.add({name,
               fmt::format("{} of {}",
                           fixed(io::member_number(part, "refits_usable"), 0),
                           fixed(io::member_number(part, "runs"), 0)),
               fixed(io::member_number(part, "stderr_exponent_a")),
               io::member_text(run, "experiment_id"),
               count(io::member_number(run, "model_size")),
               count(io::member_number(run, "num_tokens")),
               fixed(io::member_number(run, "exponent_a_without")),
               fixed(io::member_number(run, "model_size_factor"), 3),
               flops(io::member_number(part, "target_compute"))});
  }
  section.add(std::move(table));
  return section;
}

}  // namespace ff::analysis
