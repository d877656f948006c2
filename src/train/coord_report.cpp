// SPDX-License-Identifier: MIT
// ff-train --coord-check: what is measured for a configuration, and how it is told.
#include "flops_fit/data/dataset.h"
#include "flops_fit/data/tokenize.h"
#include "flops_fit/train/coord_check.h"
#include "flops_fit/train/model_config.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/machine.h"

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

namespace ff::train {
namespace {

/// One round of the check.
struct Round {
  const char* name;
  const char* meaning;
  SlopeBounds bounds;
  std::vector<CoordCurve> curves;
  std::vector<std::string> problems;
};

std::string slope_text(const std::optional<double>& slope) {
  return slope ? fmt::format("{:+.3f}", *slope) : "-";
}

const char* judged_text(CoordCurve::Judged judged) {
  return judged == CoordCurve::Judged::kNot         ? "  (not judged)"
         : judged == CoordCurve::Judged::kFromAbove ? "  (only growth is judged)"
                                                    : "";
}

/// Rows are activations in the network's order, columns the steps.
std::string table(const Round& round) {
  std::vector<int64_t> steps;
  std::vector<std::string> names;
  std::map<std::pair<std::string, int64_t>, const CoordCurve*> cells;
  for (const CoordCurve& curve : round.curves) {
    if (std::find(names.begin(), names.end(), curve.activation) == names.end()) {
      names.push_back(curve.activation);
    }
    if (steps.empty() || steps.back() != curve.step) {
      steps.push_back(curve.step);
    }
    cells[{curve.activation, curve.step}] = &curve;
  }
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "{:<24}", "slope of the movement");
  for (const int64_t step : steps) {
    if (step > 0) {
      fmt::format_to(out, "{:>10}", fmt::format("step {}", step));
    }
  }
  fmt::format_to(out, "{:>14}{:>14}\n", "rms, step 0", fmt::format("rms, step {}", steps.back()));
  for (const std::string& name : names) {
    fmt::format_to(out, "{:<24}", name);
    for (const int64_t step : steps) {
      if (step > 0) {
        fmt::format_to(out, "{:>10}", slope_text(cells.at({name, step})->change_slope));
      }
    }
    fmt::format_to(out,
                   "{:>14}{:>14}{}\n",
                   slope_text(cells.at({name, 0})->rms_slope),
                   slope_text(cells.at({name, steps.back()})->rms_slope),
                   judged_text(cells.at({name, steps.back()})->judged));
  }
  fmt::format_to(out, "{:<24}", "  standard error");
  for (const int64_t step : steps) {
    if (step > 0) {
      fmt::format_to(out, "{:>10.3f}", slope_stderr(round.curves, step));
    }
  }
  text += '\n';
  return text;
}

std::string report_text(const CoordProblem& problem,
                        const std::vector<Round>& rounds,
                        bool passed) {
  const model::Parametrization p = problem.make_model(problem.widths.front());
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(
      out,
      "Coordinate check of {}: {} layers, widths {}, {} seeds, {} steps of {} x {} tokens, "
      "learning rate {:g}.\nHow much each activation moves since initialisation, as a "
      "power of the width; 0 is flat.\n",
      p.name,
      p.architecture.num_layers,
      fmt::join(problem.widths, ", "),
      problem.seeds,
      problem.steps,
      problem.batch_size,
      p.architecture.seq_len,
      problem.learning_rate);
  for (const Round& round : rounds) {
    fmt::format_to(out,
                   "\n{}, allowed {:+.2f} to {:+.2f} (and {} standard errors beyond): {}.\n{}",
                   round.name,
                   round.bounds.low,
                   round.bounds.high,
                   kAllowance,
                   round.meaning,
                   table(round));
    for (const std::string& problem_line : round.problems) {
      fmt::format_to(out, "  out of bounds: {}\n", problem_line);
    }
  }
  fmt::format_to(out,
                 "\n{}\n",
                 passed ? "PASSED: activations move alike at every width, so one learning rate can "
                          "serve them all."
                        : "FAILED: activations do not move alike at every width, so the best "
                          "learning rate depends on the width.");
  return text;
}

io::Json to_json(const Round& round) {
  io::Json json = {{"name", round.name},
                   {"bounds", {round.bounds.low, round.bounds.high}},
                   {"out_of_bounds", round.problems},
                   {"slopes", io::Json::array()}};
  for (const CoordCurve& curve : round.curves) {
    json["slopes"].push_back({{"activation", curve.activation},
                              {"step", curve.step},
                              {"judged", curve.judged != CoordCurve::Judged::kNot},
                              {"change_slope", io::number_or_null(curve.change_slope)},
                              {"change_stderr", curve.change_stderr},
                              {"rms_slope", io::number_or_null(curve.rms_slope)},
                              {"change", curve.change},
                              {"rms", curve.rms}});
  }
  return json;
}

void check(const TrainConfig& config) {
  const CoordCheckSection& section = config.coord_check;
  if (config.model.d_ff) {
    throw ConfigError(
        "model.d_ff: --coord-check widens the MLP with the model; give model.ffn_ratio instead.");
  }
  std::vector<int64_t> sorted = section.widths;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.size() < 2 || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    throw error<ConfigError>(
        "coord_check.widths: a slope needs at least two different widths, found [{}].",
        fmt::join(section.widths, ", "));
  }
}

/// A slope's variance goes as 1 / (seeds * sum of squares of log2 width around its mean); 30 of
/// that product give a standard error near 0.02 on the built-in corpus, against bounds of 0.08.
int64_t enough_seeds(const std::vector<int64_t>& widths) {
  double mean = 0.0;
  for (const int64_t width : widths) {
    mean += std::log2(static_cast<double>(width)) / static_cast<double>(widths.size());
  }
  double squares = 0.0;
  for (const int64_t width : widths) {
    squares += std::pow(std::log2(static_cast<double>(width)) - mean, 2);
  }
  return std::clamp<int64_t>(std::llround(30.0 / squares), 3, 30);
}

}  // namespace

CoordReport run_coord_check(const TrainConfig& config) {
  const CoordCheckSection& section = config.coord_check;
  check(config);
  const model::ParametrizationOptions options = parametrization_options(config);
  const auto dataset = data::prepare_dataset(config.dataset);
  const double usual = model::find_parametrization(options.name).usual_lr;
  const Tuning tuning =
      tuning_of(config, usual, configured_architecture(config, section.widths.front()).num_layers);
  const int64_t cores = allowed_cores();

  CoordProblem problem{.widths = section.widths,
                       .seeds = section.seeds.value_or(enough_seeds(section.widths)),
                       .steps = section.steps,
                       .batch_size = section.batch_size,
                       .learning_rate = section.learning_rate.value_or(tuning.learning_rate),
                       .weight_decay = tuning.weight_decay,
                       .num_threads = config.hardware.num_threads.value_or(cores),
                       .engine = engine_options(config),
                       .make_model =
                           [&](int64_t width) {
                             return model::make_parametrization(
                                 configured_architecture(config, width), options);
                           },
                       .fill_batch =
                           [&](uint64_t seed, int64_t step, std::span<int32_t> tokens) {
                             dataset->fill_batch(seed, step, section.batch_size, tokens);
                           }};
  std::sort(problem.widths.begin(), problem.widths.end());
  const auto run = [&](const char* name, const char* meaning, const SlopeBounds& bounds) {
    Round round{name, meaning, bounds, coordinate_curves(problem), {}};
    round.problems = out_of_bounds(round.curves, bounds);
    return round;
  };

  std::vector<Round> rounds;
  if (options.name != "u-mup") {
    rounds.push_back(run("As it is", "the parametrization's own rules", kFlatBounds));
  } else {
    rounds.push_back(run("As it is", "u-muP's own rules", kPlainBounds));
    const auto as_it_is = problem.make_model;
    problem.make_model = [as_it_is](int64_t width) {
      model::Parametrization p = as_it_is(width);
      p.tensors.front().lr *= std::sqrt(static_cast<double>(width));
      return p;
    };
    rounds.push_back(run("Sharp",
                         "without u-muP's 1/sqrt(width) on the embedding's learning rate, which "
                         "tilts all the rest",
                         kFlatBounds));
    problem.make_model = as_it_is;
  }

  CoordReport report;
  report.passed = std::all_of(
      rounds.begin(), rounds.end(), [](const Round& round) { return round.problems.empty(); });
  report.text = report_text(problem, rounds, report.passed);
  report.json = {{"passed", report.passed},
                 {"parametrization", options.name},
                 {"widths", problem.widths},
                 {"seeds", problem.seeds},
                 {"learning_rate", problem.learning_rate},
                 {"rounds", io::Json::array()}};
  for (const Round& round : rounds) {
    report.json["rounds"].push_back(to_json(round));
  }
  return report;
}

}  // namespace ff::train
