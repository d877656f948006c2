// SPDX-License-Identifier: MIT
#include "flops_fit/plot/figures.h"

#include "sample.h"
#include "support/catch.h"
#include "support/files.h"

#include <algorithm>
#include <cmath>

using namespace ff;
using namespace ff::plot;

namespace {

std::vector<const Series*> with_role(const Panel& panel, Role role) {
  std::vector<const Series*> out;
  for (const Series& series : panel.series) {
    if (series.role == role) {
      out.push_back(&series);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("isoflops_curves draws each budget's runs, parabola and vertex", "[plot]") {
  const FigureInputs study = test::sample_study();
  const Figure figure = std::get<Figure>(isoflops_curves(study));
  REQUIRE(figure.panels.size() == 1);
  const Panel& panel = figure.panels[0];
  const auto runs = with_role(panel, Role::kRun);
  const auto fits = with_role(panel, Role::kFit);
  REQUIRE(runs.size() == 5);
  REQUIRE(fits.size() == 4);                          // the smallest budget has no vertex
  CHECK(with_role(panel, Role::kTrace).size() == 1);  // and only straight segments
  CHECK(runs[0]->legend == "3×10^{10}");
  CHECK(runs[1]->x.size() == 6);
  CHECK(*runs[0]->shade < *runs[4]->shade);

  for (size_t i = 0; i < fits.size(); ++i) {
    const io::Isoflop& budget = study.laws.isoflop[i + 1];
    for (size_t k = 0; k < fits[i]->x.size(); ++k) {
      const double x = std::log(fits[i]->x[k]);
      CHECK(fits[i]->y[k] == Approx(*budget.c0 + *budget.c1 * x + *budget.c2 * x * x));
    }
    CHECK(fits[i]->shade == runs[i + 1]->shade);
  }
  const auto optima = with_role(panel, Role::kOptimum);
  REQUIRE(optima.size() == 1);
  REQUIRE(optima[0]->x.size() == 4);
  CHECK(optima[0]->x[2] == Approx(*study.laws.isoflop[3].vertex_size));
  CHECK(optima[0]->high[2] / optima[0]->x[2] == Approx(std::exp(1.959964 * 0.035)));
}

TEST_CASE("a parabola is drawn over the runs that it was fitted to", "[plot]") {
  const FigureInputs study = test::sample_study();
  const Figure figure = std::get<Figure>(isoflops_curves(study));
  const auto fits = with_role(figure.panels[0], Role::kFit);
  // The sample fits runs within 0.075 of the lowest loss: at 1e11 not the largest size, at 3e11 not
  // the smallest, at 1e12 all of them.
  const auto& points = study.laws.isoflop;
  CHECK(fits[0]->x.front() == Approx(points[1].points.front().model_size));
  CHECK(fits[0]->x.back() == Approx(points[1].points[4].model_size));
  CHECK(fits[1]->x.front() == Approx(points[2].points[1].model_size));
  CHECK(fits[2]->x.back() == Approx(points[3].points.back().model_size));
}

TEST_CASE("scaling_laws reaches from the data to the target", "[plot]") {
  const FigureInputs study = test::sample_study();
  const Figure figure = std::get<Figure>(scaling_laws(study));
  REQUIRE(figure.panels.size() == 3);
  const io::Prediction& target = study.laws.predictions[0];
  for (const Panel& panel : figure.panels) {
    const auto law = with_role(panel, Role::kLaw);
    const auto beyond = with_role(panel, Role::kExtrapolation);
    REQUIRE(law.size() == 1);
    REQUIRE(beyond.size() == 1);
    CHECK(law[0]->x.front() == Approx(1e11));
    CHECK(law[0]->x.back() == Approx(3e12));
    CHECK(beyond[0]->x.front() == Approx(3e12));
    CHECK(beyond[0]->x.back() == target.target_compute);
    CHECK(beyond[0]->y.front() == Approx(law[0]->y.back()));

    const auto predicted = with_role(panel, Role::kPrediction);
    const auto band = with_role(panel, Role::kInterval);
    REQUIRE(predicted.size() == 1);
    REQUIRE(band.size() == 1);
    CHECK(predicted[0]->y[0] == Approx(beyond[0]->y.back()));
    // The band ends in the prediction's interval and is narrower where there are data.
    CHECK(band[0]->low.back() == Approx(predicted[0]->low[0]));
    CHECK(band[0]->high.back() == Approx(predicted[0]->high[0]));
    CHECK(band[0]->high.front() / band[0]->low.front() <
          band[0]->high.back() / band[0]->low.back());
    CHECK(panel.x.log);
  }
  const auto floor = with_role(figure.panels[2], Role::kReference);
  REQUIRE(floor.size() == 1);
  CHECK(floor[0]->y[0] == 0.4104);
}

TEST_CASE("with a surface the marks are what the runs say, and the loss bends", "[plot]") {
  FigureInputs study = test::sample_study();
  study.laws.l_opt_irreducible = io::IrreducibleLaw{0.45, 100.0, -0.22, ""};
  study.laws.optimal_points[0].model_size *= 1.3;  // the surface's answer, not the parabola's
  const Figure figure = std::get<Figure>(scaling_laws(study));
  const auto marks = with_role(figure.panels[0], Role::kOptimum);
  CHECK(marks[0]->y[0] == Approx(*study.laws.isoflop[1].vertex_size));
  const auto beyond = with_role(figure.panels[2], Role::kExtrapolation);
  CHECK(beyond[0]->y.back() == Approx(0.45 + 100.0 * std::pow(1e14, -0.22)));
}

TEST_CASE("without intervals or targets the laws are drawn bare", "[plot]") {
  FigureInputs study = test::sample_study();
  study.laws.predictions.clear();
  study.laws.n_opt_fit->a_ci.reset();
  const Figure figure = std::get<Figure>(scaling_laws(study));
  CHECK(with_role(figure.panels[0], Role::kInterval).empty());
  CHECK(with_role(figure.panels[0], Role::kExtrapolation).empty());
  CHECK(with_role(figure.panels[0], Role::kPrediction).empty());
  CHECK(with_role(figure.panels[1], Role::kInterval).size() == 1);  // from a_ci alone
}

TEST_CASE("tokens_per_param shows the ratio beside the rule of thumb", "[plot]") {
  const FigureInputs study = test::sample_study();
  const Figure figure = std::get<Figure>(tokens_per_param(study));
  const Panel& panel = figure.panels[0];
  CHECK(with_role(panel, Role::kReference)[0]->y[0] == 20.0);
  const auto& first = study.laws.optimal_points[0];
  CHECK(with_role(panel, Role::kOptimum)[0]->y[0] == Approx(first.num_tokens / first.model_size));
  const Series& predicted = *with_role(panel, Role::kPrediction)[0];
  // D/N goes as 1/N^2 at fixed compute.
  CHECK(predicted.high[0] == Approx(predicted.y[0] / 0.64));
  CHECK(predicted.low[0] == Approx(predicted.y[0] / 1.6384));
}

TEST_CASE("loss_curves draws every run in its budget's colour, or says why not", "[plot]") {
  FigureInputs study = test::sample_study();
  const Figure figure = std::get<Figure>(loss_curves(study));
  REQUIRE(figure.panels.size() == 2);
  const auto traces = with_role(figure.panels[0], Role::kTrace);
  CHECK(traces.size() == study.histories.size());
  CHECK(traces.front()->note == "exp_0000");
  CHECK(std::count_if(
            traces.begin(), traces.end(), [](const Series* s) { return !s->legend.empty(); }) == 5);

  study.histories.clear();
  study.runs_folder = "outputs/runs";
  const Drawing nothing = loss_curves(study);
  CHECK_THAT(std::get<NotDrawn>(nothing).reason, ContainsSubstring("outputs/runs"));
}

TEST_CASE("the Python tool's files give figures from results and laws alone", "[plot]") {
  FigureInputs inputs;
  const auto golden = test::source_dir() / "tests/golden/python_original";
  inputs.laws = io::read_laws(golden / "scaling_laws.json");
  inputs.results = io::read_results(golden / "results.json");
  const Figure curves = std::get<Figure>(isoflops_curves(inputs));
  CHECK(with_role(curves.panels[0], Role::kRun).size() == 6);
  CHECK(with_role(curves.panels[0], Role::kFit).empty());
  CHECK(with_role(curves.panels[0], Role::kOptimum)[0]->x.size() == 6);
  CHECK(std::get<Figure>(scaling_laws(inputs)).panels.size() == 3);
  CHECK(std::holds_alternative<Figure>(tokens_per_param(inputs)));
}

TEST_CASE("empty inputs are reported by every figure, not thrown", "[plot]") {
  for (const FigureEntry& entry : figure_registry()) {
    INFO(entry.name);
    const Drawing drawing = entry.build({});
    REQUIRE(std::holds_alternative<NotDrawn>(drawing));
    CHECK(!std::get<NotDrawn>(drawing).reason.empty());
  }
}
