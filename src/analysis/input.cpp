// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/input.h"

#include "input_parts.h"

#include "flops_fit/config/scalar.h"

namespace ff::analysis {
namespace {

constexpr const char* kRemedy = "run ff-train first, or give paths.results";

/// "loss_bits", "bpb": a name that says the losses are not in nats.
bool says_bits(const std::string& column) {
  const std::string name = config::lower(column);
  return name.find("bits") != std::string::npos || name.find("bpb") != std::string::npos ||
         name.find("bpc") != std::string::npos;
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
  const InputColumns columns =
      find_columns(table, config.input.columns, results ? Missing::kUnnamed : Missing::kNone);
  data.runs = map_rows(table, columns);
  for (size_t i = 0; i < checked.size(); ++i) {
    data.runs[i].result = std::move(checked[i]);
  }
  if (says_bits(columns.loss)) {
    data.warnings.push_back(
        fmt::format("The losses come from the column {}, which sounds like bits; laws are in nats "
                    "per token (bits per token times ln 2 = 0.693).",
                    columns.loss));
  }
  if (!columns.run.empty()) {
    split_checkpoints(table, columns, data);
  }
  if (data.curves.empty()) {
    make_ids_unique(table, columns, config.input.columns, data.runs);
  }
  if (!results || data.runs[0].result->sweep_kind != io::kLrTransferSweep) {
    read_trajectories(config, data);
  }
  return data;
}

}  // namespace ff::analysis
