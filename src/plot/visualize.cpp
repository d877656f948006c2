// SPDX-License-Identifier: MIT
#include "flops_fit/plot/visualize.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/io/provenance.h"
#include "flops_fit/plot/figures.h"
#include "flops_fit/plot/gnuplot.h"
#include "flops_fit/plot/report.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/foreign_program.h"
#include "flops_fit/util/paths.h"
#include "flops_fit/util/units.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace ff::plot {
namespace {

namespace fs = std::filesystem;

bool wanted(const PlotOptions& options, std::string_view name) {
  return options.figures.empty() ||
         std::find(options.figures.begin(), options.figures.end(), name) != options.figures.end();
}

/// Adds a problem unless the same was said before: every figure fails alike without gnuplot.
void note(std::vector<std::string>& problems, std::string problem) {
  if (std::find(problems.begin(), problems.end(), problem) == problems.end()) {
    problems.push_back(std::move(problem));
  }
}

/// The kind of the results; without any, the kind whose analysis there is.
std::string sweep_kind_of(const std::vector<io::RunResult>& results, const VisualizerPaths& paths) {
  if (results.empty() && is_missing(paths.analysis) && !is_missing(paths.lr_transfer)) {
    return io::kLrTransferSweep;
  }
  return io::common_sweep_kind(results, paths.results);
}

FigureInputs read_inputs(const VisualizerConfig& config, std::vector<std::string>& problems) {
  FigureInputs inputs;
  if (!config.roofline.empty()) {
    inputs.sweep_kind = kTiming;
    inputs.timed_model = io::read_timed_model(config.roofline);
    return inputs;
  }
  const VisualizerPaths& paths = config.paths;
  const bool has_results = !is_missing(paths.results);
  if (has_results) {
    inputs.results = io::read_results(paths.results);
  }
  inputs.sweep_kind = sweep_kind_of(inputs.results, paths);
  const bool of_laws = inputs.sweep_kind == io::kIsoflopSweep;
  const std::string& analysis = of_laws ? paths.analysis : paths.lr_transfer;
  if (is_missing(analysis)) {
    throw error<FileError>("{}: no such file; run ff-analyze first, or set paths.{}.",
                           analysis,
                           of_laws ? "analysis" : "lr_transfer");
  }
  if (of_laws) {
    inputs.laws = io::read_laws(analysis);
  } else {
    inputs.lr_transfer = io::read_lr_transfer(analysis);
  }
  if (!has_results) {
    note(problems, fmt::format("{}: no such file; drawn from the analysis alone.", paths.results));
  }
  inputs.runs_folder = config.paths.runs;
  if (!wanted(config.plots, "loss_curves")) {
    return inputs;
  }
  for (const io::RunResult& run : inputs.results) {
    const fs::path file = fs::path(config.paths.runs) / run.experiment_id / "metrics.jsonl";
    if (is_missing(file)) {
      continue;
    }
    try {
      inputs.histories.push_back({run.experiment_id, run.compute_budget, io::read_metrics(file)});
    } catch (const FileError& damaged) {  // one bad log is no reason to draw nothing
      note(problems, damaged.what());
    }
  }
  return inputs;
}

/// The plan; empty if there is none, or none that can be read: it is the results that are drawn.
std::vector<io::Experiment> read_plan(const fs::path& path, std::vector<std::string>& problems) {
  if (is_missing(path)) {
    return {};
  }
  try {
    return io::read_sweep(path);
  } catch (const FileError& damaged) {
    note(problems, damaged.what());
    return {};
  }
}

/// Opens the pictures in the user's viewer, or says why not.
void show(const std::vector<fs::path>& pictures, std::vector<std::string>& problems) {
  if (std::getenv("DISPLAY") == nullptr && std::getenv("WAYLAND_DISPLAY") == nullptr) {
    note(problems, "plots.show: there is no display here; open the files yourself.");
    return;
  }
  for (const fs::path& picture : pictures) {
    // Absolute, so that no name is taken for an option.
    std::error_code ignored;
    if (!start_detached({"xdg-open", fs::absolute(picture, ignored).string()})) {
      note(problems, "plots.show: cannot start xdg-open (apt-get install xdg-utils).");
      return;
    }
  }
}

}  // namespace

VisualizeOutcome visualize(const VisualizerConfig& config) {
  check(config);
  VisualizeOutcome outcome;
  const FigureInputs inputs = read_inputs(config, outcome.problems);
  const RenderOptions options{config.plots.style == "notebook" ? Medium::kNotebook : Medium::kPaper,
                              config.plots.format,
                              config.plots.dpi};

  remove_dead_temporaries(config.paths.plots);
  const bool of_study = !inputs.timed_model;
  const bool with_report = of_study && !config.paths.report.empty();
  ReportContent content;
  std::vector<fs::path> pictures;
  size_t buildable = 0;
  for (const FigureEntry& entry : figure_registry()) {
    // A figure that was named is tried in any case, and says why it cannot be drawn.
    if (!wanted(config.plots, entry.name) ||
        (config.plots.figures.empty() && !entry.suits(inputs.sweep_kind))) {
      continue;
    }
    Drawing drawing = draw(entry, inputs);
    if (const auto* reason = std::get_if<NotDrawn>(&drawing)) {
      note(outcome.problems, fmt::format("{}: not drawn: {}.", entry.name, reason->reason));
      continue;
    }
    ++buildable;
    const Figure& figure = std::get<Figure>(drawing);
    Rendered rendered = render(figure, config.paths.plots, options);
    for (const fs::path& file : rendered.written) {
      outcome.written.push_back(file);
      if (file.extension() != ".tsv" && file.extension() != ".gp") {
        pictures.push_back(file);
      }
    }
    if (rendered.problem) {
      outcome.incomplete = true;
      note(outcome.problems, fmt::format("{}: {}", entry.name, *rendered.problem));
    }
    if (with_report) {
      content.figures.push_back(rendered.problem ? ReportFigure{figure, {}, *rendered.problem}
                                                 : inline_svg(figure));
    }
  }

  if (with_report) {
    content.times = io::run_times(inputs.results, read_plan(config.paths.sweep, outcome.problems));
    content.problems = outcome.problems;
    content.results_path = config.paths.results;
    content.analysis_path = inputs.lr_transfer ? config.paths.lr_transfer : config.paths.analysis;
    content.created = utc_timestamp();
    write_file_atomically(config.paths.report, report_html(inputs, content));
    outcome.written.emplace_back(config.paths.report);
  }
  const std::string reasons = fmt::format("{}", fmt::join(outcome.problems, " "));
  if (buildable == 0) {
    throw error<TooLittleDataError>("no figure can be drawn from these data. {}", reasons);
  }
  if (pictures.empty()) {
    throw error<Error>("no figure could be drawn. {}", reasons);
  }
  std::vector<fs::path> read = {config.roofline};
  if (of_study) {
    read = {config.paths.results,
            inputs.lr_transfer ? config.paths.lr_transfer : config.paths.analysis,
            config.paths.sweep};
  }
  io::write_json(fs::path(config.paths.plots) / "provenance.json",
                 io::provenance("ff-visualize", config::dump_json(config), read));
  if (config.plots.show) {
    show(pictures, outcome.problems);
  }
  return outcome;
}

}  // namespace ff::plot
