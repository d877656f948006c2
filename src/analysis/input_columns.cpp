// SPDX-License-Identifier: MIT
#include "input_parts.h"

#include "flops_fit/config/scalar.h"
#include "flops_fit/util/error.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <map>

namespace ff::analysis {
namespace {

struct Known {
  std::string InputColumns::*column;
  const char* key;   ///< of input.columns
  const char* what;  ///< for messages; empty if a run can do without it
  /// The first that the file has is taken, in any case; but d, l and n may be a width, layers and a
  /// count, where D, L and N are not.
  std::vector<std::string_view> names;
};

const std::vector<Known>& known_columns() {
  using C = InputColumns;
  static const std::vector<Known> table = {
      {&C::params,
       "params",
       "parameters",
       {"params", "model_size", "n_params", "num_params", "parameters", "num_parameters", "N"}},
      {&C::tokens,
       "tokens",
       "training tokens",
       {"tokens", "num_tokens", "n_tokens", "train_tokens", "training_tokens", "D"}},
      {&C::loss,
       "loss",
       "loss",
       {"loss", "final_loss", "eval_loss", "val_loss", "valid_loss", "validation_loss", "L"}},
      {&C::flops,
       "flops",
       "",
       {"flops", "actual_flops", "total_flops", "train_flops", "training_flops", "compute", "C"}},
      {&C::budget, "budget", "", {"compute_budget", "budget", "flops_budget", "isoflop_budget"}},
      {&C::id, "id", "", {"experiment_id", "run_id", "name", "id"}},
      {&C::status, "status", "", {"status", "state"}},
      {&C::unique_tokens, "unique_tokens", "", {"unique_tokens"}},
      {&C::params_total, "params_total", "", {"params_total", "total_params", "params.total"}},
      {&C::params_non_embedding,
       "params_non_embedding",
       "",
       {"params_non_embedding", "params_nonemb", "non_embedding_params", "params.non_embedding"}},
      {&C::run, "run", "", {"run"}},
  };
  return table;
}

/// The file's spelling of the first of `names` that it has.
std::string first_of(const io::Table& table, const std::vector<std::string_view>& names) {
  for (const std::string_view name : names) {
    const auto found =
        std::find_if(table.columns.begin(), table.columns.end(), [&](const std::string& column) {
          return column == name || config::lower(column) == name;
        });
    if (found != table.columns.end()) {
      return *found;
    }
  }
  return "";
}

[[noreturn]] void report_missing(const io::Table& table,
                                 const Known& column,
                                 const InputColumns& found) {
  const bool only_tokens = column.column == &InputColumns::tokens && !found.flops.empty();
  throw error<FileError>("{}: no column for the {} (none is called {}); {}. The file has {}.",
                         table.file,
                         column.what,
                         fmt::join(column.names, ", "),
                         only_tokens
                             ? fmt::format("add one (flops / (6 params) if that is how {} was "
                                           "counted), or name it with input.columns.tokens",
                                           found.flops)
                             : fmt::format("name it with input.columns.{}", column.key),
                         table.list_columns());
}

std::optional<double> maybe(const io::Row& row, const std::string& column) {
  return column.empty() ? std::nullopt : io::number_in(row, column);
}

double required(const io::Row& row, const std::string& column) {
  return maybe(row, column).value_or(std::numeric_limits<double>::quiet_NaN());
}

std::string text_or(const io::Row& row, const std::string& column, const std::string& fallback) {
  return column.empty() ? fallback : io::text_in(row, column).value_or(fallback);
}

/// "runs.csv:17": what a run is called that has no name.
std::string place_of(const io::Row& row) {
  return std::filesystem::path(row.where).filename().string();
}

/// Other tools' words for a run that reached its end.
std::string tidy_status(const std::string& text) {
  constexpr std::array<std::string_view, 5> kDone = {
      "complete", "finished", "done", "success", "succeeded"};
  const std::string word = config::lower(text);
  return std::find(kDone.begin(), kDone.end(), word) != kDone.end() ? "completed" : text;
}

Run map_row(const io::Row& row, const InputColumns& columns) {
  Run run;
  run.id = text_or(row, columns.id, place_of(row));
  run.status = tidy_status(text_or(row, columns.status, "completed"));
  run.n = required(row, columns.params);
  run.d = required(row, columns.tokens);
  run.loss = required(row, columns.loss);
  run.flops = maybe(row, columns.flops).value_or(0.0);
  run.budget = maybe(row, columns.budget).value_or(run.flops > 0 ? run.flops : 6 * run.n * run.d);
  run.n_total = maybe(row, columns.params_total);
  run.n_non_embedding = maybe(row, columns.params_non_embedding);
  run.n_matmul = io::number_in(row, "params.matmul");
  run.unique_tokens = maybe(row, columns.unique_tokens);
  return run;
}

}  // namespace

bool holds_results(const io::Table& table) {
  if (table.rows.empty() || !table.has("experiment_id")) {
    return false;
  }
  const io::Json& first = table.rows.front().values;
  return first.contains("experiment_id") && !first.contains("tokens") && !first.contains("loss") &&
         !(first.contains("params") && first["params"].is_number());
}

InputColumns find_columns(const io::Table& table, const InputColumns& named, Missing missing) {
  InputColumns found;
  for (const Known& column : known_columns()) {
    const std::string& name = named.*column.column;
    if (!name.empty() && !table.has(name) && missing != Missing::kAny) {
      throw error<ConfigError>("input.columns.{}: {} has no column {}; it has {}.",
                               column.key,
                               table.file,
                               name,
                               table.list_columns());
    }
    found.*column.column = table.has(name) ? name : first_of(table, column.names);
  }
  for (const Known& column : known_columns()) {
    if (missing == Missing::kNone && *column.what != '\0' && (found.*column.column).empty()) {
      report_missing(table, column, found);
    }
  }
  return found;
}

std::vector<Run> map_rows(const io::Table& table, const InputColumns& columns) {
  std::vector<Run> runs;
  runs.reserve(table.rows.size());
  for (const io::Row& row : table.rows) {
    runs.push_back(map_row(row, columns));
  }
  return runs;
}

void make_ids_unique(const io::Table& table,
                     const InputColumns& columns,
                     const InputColumns& named,
                     std::vector<Run>& runs) {
  if (!named.id.empty() || columns.id == "experiment_id") {
    return;  // a repeated id is a repeated run
  }
  std::map<std::string, int> counts;
  for (const Run& run : runs) {
    ++counts[run.id];
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    if (counts[runs[i].id] > 1) {
      runs[i].id += fmt::format(" ({})", place_of(table.rows[i]));
    }
  }
}

}  // namespace ff::analysis
