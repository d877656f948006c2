// SPDX-License-Identifier: MIT
#include "report_parts.h"

#include "flops_fit/plot/markup.h"

#include <fmt/format.h>

#include <optional>

namespace ff::plot {
namespace {

std::string number(const std::optional<double>& value) {
  return value ? significant(*value) : kNone;
}

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.2f}%", 100 * *share) : kNone;
}

std::string status_cell(const io::Json& row) {
  const std::string status = io::member_text(row, "status");
  return status == "ok" ? "" : escape_html(status);
}

std::string section(const char* heading, const char* note, const std::string& table) {
  return fmt::format("<h2>{}</h2>\n<p class=\"note\">{}</p>\n{}", heading, note, table);
}

std::string rollout(const io::ScalingLaws& laws) {
  const std::string headline = laws.provenance ? laws.provenance->headline : "";
  std::vector<Row> rows;
  for (const io::Json& row : io::member(io::member(laws.validation, "rollout"), headline)) {
    rows.push_back({number(io::member_number(row, "cut_flops")),
                    number(io::member_number(row, "train_runs")),
                    number(io::member_number(row, "test_runs")),
                    number(io::member_number(row, "exponent_a")),
                    percent(io::member_number(row, "mean_relative_error")),
                    status_cell(row)});
  }
  return rows.empty() ? ""
                      : section("Rollout",
                                "Budgets below a cut predict those above. An exponent that moves "
                                "with the cut is less certain than its interval.",
                                table({"Cut [FLOP]",
                                       "Runs below",
                                       "Runs above",
                                       "a",
                                       "Mean error of the loss",
                                       ""},
                                      rows));
}

std::string conventions(const io::ScalingLaws& laws) {
  std::vector<Row> rows;
  for (const io::Json& row : laws.conventions) {
    const auto size = io::member_number(row, "model_size");
    rows.push_back({escape_html(io::member_text(row, "params")),
                    escape_html(io::member_text(row, "flops")),
                    number(io::member_number(row, "exponent_a")),
                    number(io::member_number(row, "coefficient_k")),
                    size ? count(*size) : kNone,
                    number(io::member_number(row, "target_compute")),
                    status_cell(row)});
  }
  return rows.empty()
             ? ""
             : section("Conventions",
                       "The same runs, with parameters and FLOPs counted otherwise.",
                       table({"N counted as", "FLOPs", "a", "k", "N", "at [FLOP]", ""}, rows));
}

}  // namespace

std::string checks(const io::ScalingLaws& laws) {
  std::string out = rollout(laws) + conventions(laws);
  if (laws.validation.is_object() && !laws.validation.empty()) {
    const std::string text = io::json_text(laws.validation, 2);
    out +=
        "<h2>Validation</h2>\n<details><summary>Exponent, leave-one-out, rollout and "
        "jackknife</summary>\n<pre>" +
        escape_html(text) + "</pre></details>\n";
  }
  return out;
}

}  // namespace ff::plot
