// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/input.h"

#include "input_parts.h"

#include "flops_fit/config/scalar.h"
#include "flops_fit/util/error.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>
#include <span>

namespace ff::analysis {
namespace {

constexpr const char* kRemedy = "run ff-train first, or give paths.results";

/// "loss_bits", "bpb": a name that says the losses are not in nats.
bool says_bits(const std::string& column) {
  const std::string name = config::lower(column);
  return name.find("bits") != std::string::npos || name.find("bpb") != std::string::npos ||
         name.find("bpc") != std::string::npos;
}

/// A run that failed or diverged has no end, and what led there is not to be learnt from.
void drop_curves_without_end(InputData& data) {
  std::set<std::string> ended;
  for (const Run& run : data.runs) {
    if (run.completed() && std::isfinite(run.loss)) {
      ended.insert(run.id);
    }
  }
  std::erase_if(data.curves, [&](const Curve& curve) { return !ended.contains(curve.id); });
}

/// Losses on different texts, or per token of different tokenizers, have no law in common.
void check_same_data(std::span<const Run> runs, const AnalyzerConfig& config) {
  std::map<std::string, size_t> counts;
  for (const Run& run : runs) {
    if (run.completed() && run.result && !run.result->data.empty()) {
      ++counts[run.result->data];
    }
  }
  if (counts.size() < 2 || config.input.allow_mixed_data) {
    return;
  }
  std::string found;
  for (const auto& [data, count] : counts) {
    found += fmt::format("{}{} runs on {}", found.empty() ? "" : ", ", count, data);
  }
  throw error<FileError>(
      "{}: runs of different corpora or tokenizers ({}), whose losses cannot be compared; keep one "
      "kind with input.filter=\"data=...\", or say input.allow_mixed_data=true.",
      config.paths.results,
      found);
}

}  // namespace

InputData read_input(const AnalyzerConfig& config) {
  io::Table table = io::read_table(config.paths.results, kRemedy);
  const bool results = holds_results(table);
  InputData data;
  if (table.rows.empty()) {
    return data;
  }
  apply_filter(table, config.input.filter);
  std::vector<io::RunResult> checked;
  for (const io::Row& row : table.rows) {
    if (results) {
      checked.push_back(io::result_from_json(row.values, row.where));
    }
  }
  // Results whose every run failed may have no column of losses at all.
  InputColumns columns =
      find_columns(table, config.input.columns, results ? Missing::kUnnamed : Missing::kNone);
  columns.id = columns.id.empty() ? columns.run : columns.id;
  data.runs = map_rows(table, columns);
  for (size_t i = 0; i < checked.size(); ++i) {
    data.runs[i].result = std::move(checked[i]);
  }
  check_same_data(data.runs, config);
  if (says_bits(columns.loss)) {
    data.warnings.push_back(
        fmt::format("The losses come from the column {}, which sounds like bits; laws are in nats "
                    "per token (bits per token times ln 2 = 0.693).",
                    columns.loss));
  }
  if (!columns.run.empty()) {
    split_checkpoints(table, columns, data);
  }
  if (data.runs.size() == table.rows.size()) {
    make_ids_unique(table, columns, config.input.columns, data.runs);
  }
  if (!results || data.runs[0].result->sweep_kind != io::kLrTransferSweep) {
    read_trajectories(config, data);
  }
  drop_curves_without_end(data);
  return data;
}

}  // namespace ff::analysis
