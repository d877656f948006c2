// SPDX-License-Identifier: MIT
#pragma once
// The steps of read_input().
#include "flops_fit/analysis/input.h"
#include "flops_fit/io/table.h"

namespace ff::analysis {

/// Leaves only the rows that meet every condition. Throws ConfigError for a condition that is not
/// column=value, names no column, or leaves nothing.
void apply_filter(io::Table& table, const std::vector<std::string>& conditions);

/// Are its rows our (or the Python tool's) results, rather than anyone's table?
[[nodiscard]] bool holds_results(const io::Table& table);

/// What a table may lack: nothing that a run needs, what was not named, or any column.
enum class Missing { kNone, kUnnamed, kAny };

/// The name of each column in this table; empty where it has none.
[[nodiscard]] InputColumns find_columns(const io::Table& table,
                                        const InputColumns& named,
                                        Missing missing);

/// One run for every row.
[[nodiscard]] std::vector<Run> map_rows(const io::Table& table, const InputColumns& columns);

/// Ids that stand twice get their line, unless the column surely names the run.
void make_ids_unique(const io::Table& table,
                     const InputColumns& columns,
                     const InputColumns& named,
                     std::vector<Run>& runs);

/// Where several rows have one value of columns.run: leaves each run's row with most tokens in
/// data.runs, and adds the curves.
void split_checkpoints(const io::Table& table, const InputColumns& columns, InputData& data);

/// The curves of paths.trajectories, or of its default.
void read_trajectories(const AnalyzerConfig& config, InputData& data);

}  // namespace ff::analysis
