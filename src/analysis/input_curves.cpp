// SPDX-License-Identifier: MIT
#include "input_parts.h"

#include "flops_fit/io/experiment_id.h"
#include "flops_fit/io/metrics.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

namespace ff::analysis {
namespace {

namespace fs = std::filesystem;

/// Sorted by tokens, of equal tokens (a resumed run) the lowest loss; only what a fit can use.
std::vector<CurvePoint> tidy(std::vector<CurvePoint> points) {
  std::erase_if(points, [](const CurvePoint& point) {
    return !(point.d > 0 && point.loss > 0 && point.flops > 0 &&
             std::isfinite(point.d + point.loss + point.flops));
  });
  std::stable_sort(points.begin(), points.end(), [](const auto& left, const auto& right) {
    return left.d < right.d;
  });
  std::vector<CurvePoint> kept;
  for (const CurvePoint& point : points) {
    if (!kept.empty() && kept.back().d == point.d) {
      kept.back() = point.loss < kept.back().loss ? point : kept.back();
    } else {
      kept.push_back(point);
    }
  }
  return kept;
}

CurvePoint checkpoint(const Run& run) {
  return {.flops = run.flops > 0 ? run.flops : 6 * run.n * run.d, .d = run.d, .loss = run.loss};
}

/// FLOPs of a run after `tokens`, where its log does not say.
double flops_after(const Run& run, double tokens) {
  return (run.flops > 0 ? run.flops : run.budget) * tokens / run.d;
}

void read_table_of_curves(const AnalyzerConfig& config, InputData& data) {
  const io::Table table =
      io::read_table(config.paths.trajectories, "correct paths.trajectories, or leave it empty");
  const InputColumns columns = find_columns(table, config.input.columns, Missing::kAny);
  const std::string& key = columns.run.empty() ? columns.id : columns.run;
  if (key.empty() || columns.tokens.empty() || columns.loss.empty()) {
    throw error<FileError>(
        "{}: a table of checkpoints needs columns for the run, its tokens and its loss; name them "
        "with input.columns.run, tokens and loss. The file has {}.",
        table.file,
        table.list_columns());
  }
  std::map<std::string, std::vector<CurvePoint>> points;
  std::map<std::string, const Run*> runs;
  for (const Run& run : data.runs) {
    runs[run.id] = &run;
  }
  size_t strangers = 0;
  for (const io::Row& row : table.rows) {
    const std::string id = io::text_in(row, key).value_or("");
    const auto run = runs.find(id);
    if (run == runs.end()) {
      ++strangers;
      continue;
    }
    const double nan = std::nan("");
    const double d = io::number_in(row, columns.tokens).value_or(nan);
    const auto flops = columns.flops.empty() ? std::nullopt : io::number_in(row, columns.flops);
    points[id].push_back({.flops = flops.value_or(flops_after(*run->second, d)),
                          .d = d,
                          .loss = io::number_in(row, columns.loss).value_or(nan)});
  }
  for (const Run& run : data.runs) {
    if (auto curve = tidy(std::move(points[run.id])); !curve.empty()) {
      data.curves.push_back({.id = run.id, .n = run.n, .points = std::move(curve)});
    }
  }
  if (data.curves.empty() && strangers == table.rows.size() && config.input.filter.empty()) {
    data.warnings.push_back(
        fmt::format("No row of {} is of a run in {}: the column {} has to hold the runs' ids.",
                    table.file,
                    config.paths.results,
                    key));
  }
}

/// The logged losses of one run on held-out data, and on the batches it trained on.
struct Logged {
  const Run* run;
  std::vector<CurvePoint> held_out, training;
};

void read_folder_of_curves(const fs::path& folder, InputData& data) {
  constexpr size_t kFewest = 3;  // points that make a curve
  std::vector<Logged> logs;
  std::vector<std::string> damaged;
  bool all_held_out = true;
  for (const Run& run : data.runs) {
    const fs::path file = folder / run.id / "metrics.jsonl";
    std::error_code failure;
    // An id from a table may be any text, which makes no path.
    if (!io::is_experiment_id(run.id) || !fs::is_regular_file(file, failure)) {
      continue;
    }
    Logged log{.run = &run};
    try {
      for (const io::MetricsLine& line : io::read_metrics(file)) {
        const auto d = static_cast<double>(line.tokens);
        const double flops = line.flops > 0 ? line.flops : flops_after(run, d);
        if (line.eval_loss) {
          log.held_out.push_back({flops, d, *line.eval_loss});
        }
        if (line.train_loss) {
          log.training.push_back({flops, d, *line.train_loss});
        }
      }
    } catch (const FileError& problem) {
      damaged.emplace_back(problem.what());
      continue;
    }
    all_held_out = all_held_out && log.held_out.size() >= kFewest;
    logs.push_back(std::move(log));
  }
  // One kind for all: losses on fresh batches and on held-out data are not to be mixed.
  for (Logged& log : logs) {
    auto curve = tidy(std::move(all_held_out ? log.held_out : log.training));
    if (!curve.empty()) {
      data.curves.push_back({.id = log.run->id, .n = log.run->n, .points = std::move(curve)});
    }
  }
  if (!damaged.empty()) {
    data.warnings.push_back(fmt::format(
        "The training curves of {} runs cannot be read ({}).", damaged.size(), damaged.front()));
  }
}

}  // namespace

void split_checkpoints(const io::Table& table, const InputColumns& columns, InputData& data) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<size_t>> rows_of;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const std::string id = io::text_in(table.rows[i], columns.run).value_or(data.runs[i].id);
    std::vector<size_t>& rows = rows_of[id];
    if (rows.empty()) {
      order.push_back(id);
    }
    rows.push_back(i);
    if (data.runs[i].n != data.runs[rows.front()].n) {
      data.warnings.push_back(fmt::format(
          "The column {} is not taken for the runs' names, since the rows of \"{}\" differ in {}; "
          "every row counts as a run.",
          columns.run,
          id,
          columns.params));
      return;
    }
  }
  if (order.size() == table.rows.size()) {
    return;
  }
  std::vector<Run> ends;
  size_t repeated = 0;
  for (const std::string& id : order) {
    const Run* end = nullptr;
    Curve curve{.id = id};
    std::set<double> tokens;
    for (const size_t i : rows_of[id]) {
      const Run& run = data.runs[i];
      end = end == nullptr || run.d >= end->d ? &run : end;
      curve.points.push_back(checkpoint(run));
      repeated += tokens.insert(run.d).second ? 0 : 1;
    }
    Run& run = ends.emplace_back(*end);
    run.id = id;
    curve.n = run.n;
    curve.points = tidy(std::move(curve.points));
    if (!curve.points.empty()) {
      data.curves.push_back(std::move(curve));
    }
  }
  data.runs = std::move(ends);
  if (repeated > 0) {
    data.warnings.push_back(
        fmt::format("{} of {} checkpoints have the run and the tokens of another; the last counts.",
                    repeated,
                    table.rows.size()));
  }
}

void read_trajectories(const AnalyzerConfig& config, InputData& data) {
  const bool named = !config.paths.trajectories.empty();
  if (!named && !data.curves.empty()) {
    return;
  }
  const fs::path path = named ? fs::path(config.paths.trajectories)
                              : fs::path(config.paths.results).parent_path() / "runs";
  data.curves.clear();
  std::error_code failure;
  if (fs::is_directory(path, failure)) {
    read_folder_of_curves(path, data);
  } else if (named) {
    read_table_of_curves(config, data);
  }
}

void attach_curves(Dataset& data, const InputData& input) {
  std::map<std::string, const Curve*> curves;
  for (const Curve& curve : input.curves) {
    curves[curve.id] = &curve;
  }
  for (size_t i = 0; i < data.points.size(); ++i) {
    const auto found = curves.find(data.runs[i].id);
    data.points[i].curve = found != curves.end() ? found->second : nullptr;
  }
}

}  // namespace ff::analysis
