// SPDX-License-Identifier: MIT
// The figure, the pictures and the report of an lr_transfer sweep.
#include "flops_fit/analysis/lr_transfer.h"

#include "analysis/planted_lr.h"
#include "sample.h"
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/io/laws.h"
#include "flops_fit/io/metrics.h"
#include "flops_fit/plot/visualize.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <algorithm>

using namespace ff;
using namespace ff::plot;

namespace fs = std::filesystem;

namespace {

FigureInputs study_of(const std::vector<io::RunResult>& runs) {
  FigureInputs inputs;
  inputs.sweep_kind = io::kLrTransferSweep;
  inputs.results = runs;
  inputs.lr_transfer = analysis::analyze_lr_transfer(runs);
  for (const io::RunResult& run : runs) {
    if (run.completed()) {
      inputs.histories.push_back(test::sample_history(run, 8));
    }
  }
  return inputs;
}

std::vector<const Series*> with_role(const Panel& panel, Role role) {
  std::vector<const Series*> out;
  for (const Series& series : panel.series) {
    if (series.role == role) {
      out.push_back(&series);
    }
  }
  return out;
}

VisualizerConfig write_study(const fs::path& folder, const std::vector<io::RunResult>& runs) {
  const FigureInputs study = study_of(runs);
  VisualizerConfig config;
  config.paths = {.results = (folder / "results.json").string(),
                  .analysis = (folder / "analysis/scaling_laws.json").string(),
                  .lr_transfer = (folder / "analysis/lr_transfer.json").string(),
                  .plots = (folder / "plots").string(),
                  .runs = (folder / "runs").string(),
                  .report = (folder / "report.html").string()};
  config.plots.dpi = 60;
  io::write_results(config.paths.results, study.results);
  io::write_lr_transfer(config.paths.lr_transfer, *study.lr_transfer);
  for (const RunHistory& run : study.histories) {
    std::string text;
    for (const io::MetricsLine& line : run.lines) {
      text += io::to_json_line(line) + "\n";
    }
    test::write_text(folder / "runs" / run.experiment_id / "metrics.jsonl", text);
  }
  return config;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) {
    out += line + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("lr_transfer draws each width's losses, minimum and vertex over log2 eta", "[plot]") {
  const auto runs = test::planted_lr_runs({.vertices = {0.3, 0.2, 0.1, -0.6}});
  const Figure figure = std::get<Figure>(lr_transfer(study_of(runs)));
  REQUIRE(figure.panels.size() == 1);
  const Panel& panel = figure.panels[0];
  CHECK(panel.x.label == "log_{2} of the learning rate η");
  CHECK_FALSE(panel.x.log);
  const auto points = with_role(panel, Role::kRun);
  REQUIRE(points.size() == 4);
  CHECK(points[0]->legend == "width 32");
  CHECK(points[3]->legend == "width 256");
  CHECK(*points[0]->shade < *points[3]->shade);
  CHECK(points[0]->x == std::vector<double>{-3, -2, -1, 0, 1, 2, 3});
  CHECK(points[1]->y[5] == Approx(0.75 + 0.04 * 1.8 * 1.8));
  CHECK(points[0]->shape == Shape::kPoints);
  CHECK(with_role(panel, Role::kTrace).size() == 4);

  const auto lowest = with_role(panel, Role::kPrediction);
  REQUIRE(lowest.size() == 1);
  CHECK(lowest[0]->x == std::vector<double>{0, 0, 0, -1});
  const auto vertices = with_role(panel, Role::kOptimum);
  REQUIRE(vertices.size() == 1);
  CHECK(vertices[0]->x[3] == Approx(-0.6));
  CHECK(vertices[0]->y[3] == Approx(0.65));
  // The parabola goes through the three points of its vertex.
  const auto fits = with_role(panel, Role::kFit);
  REQUIRE(fits.size() == 4);
  CHECK(fits[3]->x.front() == -2.0);
  CHECK(fits[3]->x.back() == 0.0);
  CHECK(fits[3]->y.front() == Approx(0.65 + 0.04 * 1.4 * 1.4));
  CHECK(fits[3]->y.back() == Approx(0.65 + 0.04 * 0.6 * 0.6));
  CHECK(figure.caption.find("cut off") == std::string::npos);
}

TEST_CASE("runs that all but diverged do not flatten the curves", "[plot]") {
  auto runs = test::planted_lr_runs({.vertices = {0, 0, 0, 0}});
  for (const int64_t width : {32, 64, 128, 256}) {
    test::run_at(runs, width, 2).final_loss = 5.0;
    test::diverge(test::run_at(runs, width, 3));
  }
  const Figure figure = std::get<Figure>(lr_transfer(study_of(runs)));
  const double cap = 0.8 + 0.5;  // over the best of the narrowest, the highest of the minima
  double highest = 0.0;
  for (const Series& series : figure.panels[0].series) {
    for (const double loss : series.y) {
      highest = std::max(highest, loss);
    }
  }
  CHECK(highest == Approx(cap));
  // The curve leaves the picture where the straight line to the point beyond does.
  const Series& trace = *with_role(figure.panels[0], Role::kTrace)[0];
  CHECK(trace.x.back() == Approx(1 + (cap - 0.84) / (5.0 - 0.84)));
  CHECK_THAT(figure.caption,
             ContainsSubstring("4 points above 1.30 nats/token (0.5 above the "
                               "lowest losses) are cut off."));
  CHECK_THAT(figure.caption, ContainsSubstring("At 4 learning rates (over all widths)"));
}

TEST_CASE("a curve is broken where runs diverged within it", "[plot]") {
  auto runs = test::planted_lr_runs();
  test::diverge(test::run_at(runs, 64, 1));
  const Figure figure = std::get<Figure>(lr_transfer(study_of(runs)));
  CHECK(with_role(figure.panels[0], Role::kTrace).size() == 5);
  CHECK(with_role(figure.panels[0], Role::kFit).size() == 3);  // none beside the divergence
  CHECK(with_role(figure.panels[0], Role::kOptimum)[0]->x.size() == 3);
}

TEST_CASE("several seeds give error bars", "[plot]") {
  auto runs = test::planted_lr_runs();
  for (size_t i = 0; i < 28; ++i) {
    runs.push_back(runs[i]);
    runs.back().experiment_id += "b";
    *runs.back().final_loss += 0.02;
  }
  const Figure figure = std::get<Figure>(lr_transfer(study_of(runs)));
  const Series& points = *with_role(figure.panels[0], Role::kRun)[0];
  CHECK(points.shape == Shape::kErrorsY);
  CHECK(points.high[3] - points.low[3] == Approx(0.02));
}

TEST_CASE("each kind of sweep has its figures, and the others say why not", "[plot]") {
  const FigureInputs transfer = study_of(test::planted_lr_runs());
  const FigureInputs laws = test::sample_study();
  for (const FigureEntry& entry : figure_registry()) {
    INFO(entry.name);
    const bool of_both = entry.name == "loss_curves";
    const bool of_transfer = entry.name == "lr_transfer";
    const bool of_neither = entry.name == "roofline";
    const Drawing for_transfer = draw(entry, transfer);
    const Drawing for_laws = draw(entry, laws);
    CHECK(std::holds_alternative<Figure>(for_transfer) == (of_both || of_transfer));
    CHECK(std::holds_alternative<Figure>(for_laws) == (!of_transfer && !of_neither));
  }
  const Drawing refused = draw(figure_registry()[0], transfer);
  CHECK_THAT(std::get<NotDrawn>(refused).reason,
             ContainsSubstring("the results are of an lr_transfer sweep"));
}

TEST_CASE("loss_curves of an lr_transfer sweep are coloured by width", "[plot]") {
  const Figure figure = std::get<Figure>(loss_curves(study_of(test::planted_lr_runs())));
  std::vector<std::string> legends;
  for (const Series* series : with_role(figure.panels[0], Role::kTrace)) {
    if (!series->legend.empty()) {
      legends.push_back(series->legend);
    }
  }
  CHECK(legends == std::vector<std::string>{"width 32", "width 64", "width 128", "width 256"});
  CHECK(figure.legend_title.empty());
}

TEST_CASE("visualize draws an lr_transfer sweep without any laws", "[plot]") {
  const test::TemporaryFolder folder;
  VisualizerConfig config = write_study(folder.path(), test::planted_lr_runs());
  const VisualizeOutcome outcome = visualize(config);
  CHECK(joined(outcome.problems) == "");
  CHECK(outcome.written.size() == 2 * 3 + 1);
  CHECK(fs::file_size(folder / "plots/lr_transfer.png") > 1000);
  CHECK(fs::exists(folder / "plots/loss_curves.png"));

  SECTION("a law figure that was asked for says why it is not drawn") {
    config.plots.figures = {"lr_transfer", "scaling_laws"};
    const VisualizeOutcome asked = visualize(config);
    REQUIRE(asked.problems.size() == 1);
    CHECK_THAT(asked.problems[0], ContainsSubstring("scaling_laws: not drawn: the results are of"));
  }
  SECTION("from the analysis alone, if the results are gone") {
    fs::remove(folder / "results.json");
    CHECK_THAT(joined(visualize(config).problems), ContainsSubstring("from the analysis alone"));
    CHECK_THAT(read_file(folder / "report.html"), ContainsSubstring("Learning-rate transfer"));
  }
  SECTION("an analysis of this sweep is needed, not an older one's laws") {
    fs::remove(folder / "analysis/lr_transfer.json");
    io::write_laws(folder / "analysis/scaling_laws.json", test::sample_study().laws);
    CHECK_THROWS_AS(visualize(config), FileError);
    CHECK_THROWS_WITH(visualize(config), ContainsSubstring("set paths.lr_transfer"));
  }
  SECTION("mixed kinds are refused") {
    auto runs = test::planted_lr_runs();
    runs[1].sweep_kind = io::kIsoflopSweep;
    io::write_results(config.paths.results, runs);
    CHECK_THROWS_AS(visualize(config), FileError);
  }
}

TEST_CASE("the report of an lr_transfer sweep is about nothing else", "[plot]") {
  const test::TemporaryFolder folder;
  auto runs = test::planted_lr_runs({.vertices = {1.1, 0.6, 0.1, -0.4}});
  test::diverge(test::run_at(runs, 256, 3));
  static_cast<void>(visualize(write_study(folder.path(), runs)));
  const std::string html = read_file(folder / "report.html");
  CHECK_THAT(html, ContainsSubstring("<h1>Learning-rate transfer</h1>"));
  CHECK_THAT(html, ContainsSubstring("from width 32 to width 256: <b>does not transfer</b>"));
  CHECK_THAT(html, ContainsSubstring("costs 0.0900 nats"));
  CHECK_THAT(html, ContainsSubstring("-1.50 octaves"));
  CHECK_THAT(html,
             ContainsSubstring("<tr><td>256</td><td>2.22M</td><td>2<sup>0</sup></td><td>0.6564</td>"
                               "<td>0.0720</td><td>2<sup>-0.4</sup></td><td>0.6500</td>"
                               "<td>0.0900</td><td>1</td>"
                               "<td>ok</td></tr>"));
  CHECK_THAT(html, ContainsSubstring("<svg"));
  for (const char* section : {"Predictions", "Estimators", "Budgets", "No law could be fitted"}) {
    CHECK_THAT(html, !ContainsSubstring(section));
  }
}
