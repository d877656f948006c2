// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/lr_transfer.h"

#include "analysis/planted_lr.h"
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/analysis/analyze.h"
#include "flops_fit/util/error.h"

#include <fmt/ranges.h>

using namespace ff;
using namespace ff::analysis;
using test::diverge;
using test::planted_lr_runs;
using test::run_at;

namespace {

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

/// Half an octave per doubling: 1.5 octaves from width 32 to 256.
test::LrDesign drifting() {
  return {.vertices = {1.1, 0.6, 0.1, -0.4}};
}

}  // namespace

TEST_CASE("planted vertices are recovered, and equal ones transfer", "[analysis][lr_transfer]") {
  const io::LrTransfer found =
      analyze_lr_transfer(planted_lr_runs({.vertices = {0.1, -0.2, 0.3, 0.45}}));
  REQUIRE(found.curves.size() == 4);
  const std::vector<double> planted = {0.1, -0.2, 0.3, 0.45};
  for (size_t i = 0; i < 4; ++i) {
    const io::LrCurve& curve = found.curves[i];
    CHECK(curve.d_model == 32 << i);
    CHECK(curve.points.size() == 7);
    CHECK(curve.status == "ok");
    CHECK(*curve.argmin_learning_rate == 1.0);
    CHECK(*curve.argmin_loss ==
          Approx(0.8 - 0.05 * static_cast<double>(i) + 0.04 * planted[i] * planted[i]));
    CHECK(*curve.vertex_log2 == Approx(planted[i]));
    CHECK(*curve.vertex_loss == Approx(0.8 - 0.05 * static_cast<double>(i)));
    CHECK(curve.regret.has_value() == (i > 0));
  }
  CHECK(found.argmin_spread_steps == 0);
  CHECK(found.argmin_spread_octaves == 0.0);
  CHECK(*found.vertex_drift == Approx(0.35));
  // Least squares by hand: widths -1.5, -.5, .5, 1.5 from their mean, sum of squares 5.
  CHECK(*found.vertex_slope == Approx((-1.5 * 0.1 + 0.5 * 0.2 + 0.5 * 0.3 + 1.5 * 0.45) / 5));
  CHECK(*found.regret == 0.0);
  CHECK(found.verdict == "transfers");
  CHECK(found.warnings.empty());
  CHECK(found.provenance.runs_used == 28);
}

TEST_CASE("a vertex between unequal steps is recovered", "[analysis][lr_transfer]") {
  const io::LrTransfer found = analyze_lr_transfer(
      planted_lr_runs({.vertices = {0.7, 0.7, 0.7, 0.7}, .exponents = {-3, -1, 0.5, 3}}));
  for (const io::LrCurve& curve : found.curves) {
    CHECK(*curve.vertex_log2 == Approx(0.7));
  }
}

TEST_CASE("drifting vertices do not transfer, and the reasons say by how much",
          "[analysis][lr_transfer]") {
  const io::LrTransfer found = analyze_lr_transfer(planted_lr_runs(drifting()));
  CHECK(found.verdict == "does not transfer");
  CHECK(*found.vertex_drift == Approx(-1.5));
  CHECK(*found.vertex_slope == Approx(-0.5));
  // The argmins are at 2^1, 2^1, 2^0 and 2^0: one step, but a dear one.
  CHECK(found.argmin_spread_steps == 1);
  CHECK(*found.regret == Approx(0.04 * (1.4 * 1.4 - 0.4 * 0.4)));
  CHECK(*found.vertex_regret == Approx(0.04 * 1.5 * 1.5));
  CHECK(*found.curves[1].regret == 0.0);
  CHECK(*found.curves[1].vertex_regret == Approx(0.04 * 0.5 * 0.5));
  CHECK(*found.curves[2].regret == Approx(0.04 * (0.9 * 0.9 - 0.1 * 0.1)));
  REQUIRE(found.reasons.size() == 1);
  CHECK_THAT(found.reasons[0],
             ContainsSubstring("at width 256 the narrowest width's optimum (its vertex) costs "
                               "0.0900 nats; at most 0.01 is allowed"));
  // An octave per doubling fails on both counts.
  const io::LrTransfer fast =
      analyze_lr_transfer(planted_lr_runs({.vertices = {1.1, 0.1, -0.9, -1.9}}));
  CHECK(fast.verdict == "does not transfer");
  CHECK(fast.argmin_spread_steps == 3);
  CHECK(fast.argmin_spread_octaves == 3.0);
  REQUIRE(fast.reasons.size() == 2);
  CHECK_THAT(fast.reasons[0], ContainsSubstring("lie 3 steps (3 octaves) apart"));
}

TEST_CASE("the limits of the verdict are those of the constants", "[analysis][lr_transfer]") {
  auto runs = planted_lr_runs();
  const double best = *run_at(runs, 256, 0).final_loss;
  // One step apart, at a regret just within and just beyond the limit.
  for (const auto& [regret, verdict] :
       {std::pair(0.0099, "transfers"), std::pair(0.0101, "does not transfer")}) {
    const double drift = std::sqrt(regret / 0.04);
    const auto found =
        analyze_lr_transfer(planted_lr_runs({.vertices = {0.1, 0.1, 0.1, 0.1 + drift}}));
    CHECK(found.argmin_spread_steps == 1);
    CHECK(*found.vertex_regret == Approx(regret));
    CHECK(found.verdict == verdict);
  }
  // Where there is no vertex to go by, the grid's regret counts.
  for (const auto& [regret, verdict] :
       {std::pair(0.0099, "transfers"), std::pair(0.0101, "does not transfer")}) {
    runs = planted_lr_runs();
    diverge(run_at(runs, 32, 1));
    run_at(runs, 256, 1).final_loss = best - regret;
    const auto found = analyze_lr_transfer(runs);
    CHECK_FALSE(found.vertex_regret);
    CHECK(*found.regret == Approx(regret));
    CHECK(found.verdict == verdict);
  }
  // Two steps apart, however small the regret.
  runs = planted_lr_runs();
  run_at(runs, 256, 2).final_loss = best - 0.001;
  const io::LrTransfer apart = analyze_lr_transfer(runs);
  CHECK(apart.verdict == "does not transfer");
  CHECK(*apart.regret == Approx(0.001));
  // Whatever happens at a width between: the headline is the widest.
  runs = planted_lr_runs();
  run_at(runs, 128, 1).final_loss = *run_at(runs, 128, 0).final_loss - 0.1;
  CHECK(analyze_lr_transfer(runs).verdict == "transfers");
  CHECK(*analyze_lr_transfer(runs).curves[2].regret == Approx(0.1));
}

TEST_CASE("a minimum on the edge is undecided, and says which side to extend",
          "[analysis][lr_transfer]") {
  const io::LrTransfer high =
      analyze_lr_transfer(planted_lr_runs({.vertices = {2.6, 2.6, 2.6, 3.5}}));
  CHECK(high.curves[3].edge == "highest");
  CHECK_FALSE(high.curves[3].vertex_log2);
  CHECK(high.verdict == "undecided");
  CHECK_THAT(joined(high.reasons),
             ContainsSubstring("at width 256 the lowest loss is at the highest learning rate"));
  CHECK_THAT(joined(high.warnings),
             ContainsSubstring("width 256: the lowest loss is at the highest learning rate "
                               "trained, 2^3; the minimum may lie beyond: add higher values to "
                               "sweep.log2_learning_rates."));
  const io::LrTransfer low =
      analyze_lr_transfer(planted_lr_runs({.vertices = {-3.5, -2.4, -2.4, -2.4}}));
  CHECK(low.curves[0].edge == "lowest");
  CHECK(low.verdict == "undecided");
  CHECK_THAT(joined(low.warnings),
             ContainsSubstring("trained, 2^-3; the minimum may lie beyond: "
                               "add lower values"));
  // An edge does not save what drifts too far in any case.
  CHECK(analyze_lr_transfer(planted_lr_runs({.vertices = {0, 1, 2, 3.5}})).verdict ==
        "does not transfer");
}

TEST_CASE("a diverged run is infinitely bad at its learning rate, never a point",
          "[analysis][lr_transfer]") {
  auto runs = planted_lr_runs();
  diverge(run_at(runs, 256, 3));
  diverge(run_at(runs, 256, 2));
  const io::LrTransfer far = analyze_lr_transfer(runs);
  CHECK(far.curves[3].points.size() == 5);
  CHECK(far.curves[3].diverged == std::vector<double>{4.0, 8.0});
  CHECK(*far.curves[3].vertex_log2 == Approx(0.1));
  CHECK(far.verdict == "transfers");
  CHECK(far.warnings.empty());

  // Beside the argmin: not on the edge, but there is no parabola.
  diverge(run_at(runs, 256, 1));
  const io::LrTransfer beside = analyze_lr_transfer(runs);
  CHECK(beside.curves[3].edge.empty());
  CHECK_FALSE(beside.curves[3].vertex_log2);
  CHECK(*beside.curves[3].argmin_learning_rate == 1.0);
  CHECK(beside.verdict == "transfers");
  CHECK_THAT(joined(beside.warnings),
             ContainsSubstring("width 256: no parabola: beside the lowest loss, at 2^1, runs "
                               "diverged; add intermediate values to sweep.log2_learning_rates."));

  // At the narrowest width's best learning rate: no regret, but no transfer either.
  diverge(run_at(runs, 256, 0));
  const io::LrTransfer lost = analyze_lr_transfer(runs);
  CHECK_FALSE(lost.regret);
  CHECK(lost.regret_note == "at width 256 the run at eta = 2^0, the best at width 32, diverged");
  CHECK(lost.verdict == "does not transfer");
  CHECK_THAT(joined(lost.reasons), ContainsSubstring(lost.regret_note));

  // One seed of several that diverges spoils its learning rate.
  auto seeds = planted_lr_runs();
  seeds.push_back(run_at(seeds, 64, 2));
  seeds.back().experiment_id = "second seed";
  diverge(seeds.back());
  CHECK(analyze_lr_transfer(seeds).curves[1].diverged == std::vector<double>{4.0});
}

TEST_CASE("a width that diverges everywhere does not transfer", "[analysis][lr_transfer]") {
  auto runs = planted_lr_runs();
  for (const double x : {-3, -2, -1, 0, 1, 2, 3}) {
    diverge(run_at(runs, 256, x));
  }
  const io::LrTransfer found = analyze_lr_transfer(runs);
  CHECK(found.verdict == "does not transfer");
  CHECK_FALSE(found.curves[3].argmin_learning_rate);
  CHECK_THAT(joined(found.reasons), ContainsSubstring("at width 256 every learning rate diverged"));
}

TEST_CASE("runs that died or are missing are no evidence", "[analysis][lr_transfer]") {
  auto runs = planted_lr_runs();
  io::RunResult& killed = run_at(runs, 256, 0);
  diverge(killed);
  killed.error_message = "killed by signal 9 (out of memory?)";
  killed.actual_flops = 0;  // as ff-train records a worker that left no result
  const io::LrTransfer found = analyze_lr_transfer(runs);
  CHECK(found.curves[3].diverged.empty());
  CHECK_FALSE(found.regret);
  CHECK_THAT(found.regret_note, ContainsSubstring("is missing"));
  CHECK(found.verdict == "undecided");
  CHECK_THAT(joined(found.warnings), ContainsSubstring("1 of 28 runs count as not trained"));
  CHECK_THAT(joined(found.warnings), ContainsSubstring("width 256: 1 of 7 learning rates"));
}

TEST_CASE("seeds are averaged, with their standard error", "[analysis][lr_transfer]") {
  auto runs = planted_lr_runs();
  const size_t one_seed = runs.size();
  for (size_t i = 0; i < one_seed; ++i) {
    for (const double shift : {0.03, -0.06}) {
      io::RunResult again = runs[i];
      again.experiment_id += shift > 0 ? "b" : "c";
      *again.final_loss += shift;
      runs.push_back(again);
    }
  }
  const io::LrTransfer found = analyze_lr_transfer(runs);
  const io::LrPoint& point = found.curves[0].points[3];
  CHECK(point.runs == 3);
  CHECK(point.loss == Approx(0.8 + 0.04 * 0.01 - 0.01));
  // Deviations .01, .04, -.05 from the mean: variance .0021, over three runs.
  CHECK(*point.loss_stderr == Approx(std::sqrt(0.0021 / 3)));
  CHECK(*found.curves[0].vertex_log2 == Approx(0.1));
  CHECK_FALSE(analyze_lr_transfer(planted_lr_runs()).curves[0].points[3].loss_stderr);
  // The same experiment again is no other seed; the later entry counts.
  auto repeated = planted_lr_runs();
  repeated.push_back(repeated[3]);
  repeated.back().final_loss = 0.5;
  const io::LrTransfer later = analyze_lr_transfer(repeated);
  CHECK(later.curves[0].points[3].runs == 1);
  CHECK(later.curves[0].points[3].loss == 0.5);
}

TEST_CASE("too few widths or learning rates are too little data", "[analysis][lr_transfer]") {
  auto runs = planted_lr_runs({.widths = {32, 64}, .vertices = {0, 0}});
  CHECK_NOTHROW(analyze_lr_transfer(runs));
  runs.resize(9);  // width 64 has two learning rates
  CHECK_THROWS_AS(analyze_lr_transfer(runs), TooLittleDataError);
  CHECK_THROWS_WITH(analyze_lr_transfer(runs),
                    ContainsSubstring("1 of 2 widths completed 3 learning rates"));
  runs = planted_lr_runs();
  runs.resize(23);  // width 256 has two: left out, and said so
  const io::LrTransfer three = analyze_lr_transfer(runs);
  CHECK(three.curves.size() == 3);
  CHECK_THAT(joined(three.warnings), ContainsSubstring("width 256: left out"));
  CHECK_THROWS_AS(analyze_lr_transfer({}), TooLittleDataError);
}

TEST_CASE("a width without any curvature has no vertex", "[analysis][lr_transfer]") {
  const io::LrTransfer flat = analyze_lr_transfer(planted_lr_runs({.curvature = 0.0}));
  CHECK_FALSE(flat.vertex_drift);
  auto runs = planted_lr_runs();
  for (const double x : {-1, 0, 1}) {
    run_at(runs, 64, x).final_loss = 0.7;
    run_at(runs, 64, -2).final_loss = 0.7000001;
  }
  run_at(runs, 64, 0).final_loss = 0.7 - 1e-16;
  CHECK_THAT(analyze_lr_transfer(runs).curves[1].status, ContainsSubstring("line"));
}

TEST_CASE("different training lengths are warned of", "[analysis][lr_transfer]") {
  auto runs = planted_lr_runs();
  runs[3].num_tokens = 400'000;
  CHECK_THAT(joined(analyze_lr_transfer(runs).warnings),
             ContainsSubstring("differ in training tokens (200k to 400k)"));
}

TEST_CASE("the text says the verdict, the minima and the drift", "[analysis][lr_transfer]") {
  auto runs = planted_lr_runs(drifting());
  diverge(run_at(runs, 256, 3));
  const io::LrTransfer found = analyze_lr_transfer(runs);
  for (const std::string& text : {report(found), summary(found)}) {
    CHECK_THAT(text, ContainsSubstring("Learning-rate transfer: does not transfer"));
    CHECK_THAT(text, ContainsSubstring("0.0720"));
    CHECK_THAT(text, ContainsSubstring("2^-0.40"));
    CHECK_THAT(text, ContainsSubstring("-1.50 octaves"));
    CHECK_THAT(text, ContainsSubstring("-0.50 per doubling"));
  }
  CHECK_THAT(report(found), ContainsSubstring("diverged"));
  CHECK_THAT(report(found), ContainsSubstring("0.8004*"));  // the lowest at width 32
}

TEST_CASE("run_analysis takes the kind of sweep from the results", "[analysis][lr_transfer]") {
  const test::TemporaryFolder folder;
  AnalyzerConfig config;
  config.paths.results = folder / "results.json";
  config.paths.analysis = folder / "analysis";
  const auto file = folder / "analysis/lr_transfer.json";
  auto runs = planted_lr_runs();
  io::write_results(config.paths.results, runs);

  SECTION("an lr_transfer sweep has its own file and no laws") {
    const AnalysisReport out = run_analysis(config, false);
    REQUIRE(out.lr_transfer);
    CHECK_FALSE(out.laws.n_opt_fit);
    CHECK(io::read_lr_transfer(file).verdict == "transfers");
    CHECK(io::read_lr_transfer(file).provenance.results_path == config.paths.results);
    CHECK_FALSE(std::filesystem::exists(folder / "analysis/scaling_laws.json"));
    CHECK_FALSE(std::filesystem::exists(folder / "analysis/optimal_configs.json"));
    CHECK(std::filesystem::exists(folder / "analysis/report.md"));
    CHECK_THAT(out.text, ContainsSubstring("Minima"));
    CHECK_THAT(out.summary, ContainsSubstring("Learning-rate transfer: transfers"));
    const io::Json printed = io::Json::parse(run_analysis(config, true).text);
    CHECK(printed["verdict"] == "transfers");
    CHECK(printed["widths"].size() == 4);
  }
  SECTION("save_fit=false only prints") {
    config.output.save_fit = false;
    CHECK_THAT(run_analysis(config, false).text, ContainsSubstring("transfers"));
    CHECK_FALSE(std::filesystem::exists(file));
  }
  SECTION("too little data writes nothing") {
    runs.resize(7);
    io::write_results(config.paths.results, runs);
    CHECK_THROWS_AS(run_analysis(config, false), TooLittleDataError);
    CHECK_FALSE(std::filesystem::exists(folder / "analysis"));
  }
  SECTION("mixed kinds are no sweep") {
    runs[5].sweep_kind = io::kIsoflopSweep;
    io::write_results(config.paths.results, runs);
    CHECK_THROWS_AS(run_analysis(config, false), FileError);
    CHECK_THROWS_WITH(run_analysis(config, false), ContainsSubstring("[5].sweep_kind is isoflop"));
    CHECK_FALSE(std::filesystem::exists(folder / "analysis"));
  }
}
