// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/analyze.h"

#include "analysis/planted.h"
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <fmt/ranges.h>

using namespace ff;
using namespace ff::analysis;

namespace {

AnalyzerConfig quick_config(const std::string& method = "vp") {
  AnalyzerConfig config;
  config.fitting.method = method;
  config.bootstrap.replicates = 40;
  config.target_compute = {1e22, 1e24};
  config.predict.training_time = false;  // of the machine at hand
  return config;
}

std::vector<io::RunResult> noisy_runs() {
  return test::planted_runs(test::kChinchilla, {.noise = 0.003});
}

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace

TEST_CASE("analyze agrees with itself: law, table and predictions", "[analysis][analyze]") {
  for (const std::string method : {"vp", "quadratic", "argmin"}) {
    INFO(method);
    const io::ScalingLaws laws = analyze(noisy_runs(), quick_config(method));
    REQUIRE(laws.estimators.size() == estimators().size());
    CHECK(laws.provenance->headline == method);
    for (const io::Prediction& prediction : laws.predictions) {
      CHECK(prediction.model_size == Approx((*laws.n_opt_fit)(prediction.target_compute)));
      CHECK(prediction.num_tokens == Approx((*laws.d_opt_fit)(prediction.target_compute)));
      CHECK(prediction.extrapolation == Approx(prediction.target_compute / 1e21));
      REQUIRE(prediction.model_size_ci);
      REQUIRE(prediction.loss_ci);
      CHECK(prediction.model_size_ci->low < prediction.model_size_ci->high);
      const auto law = laws.l_opt_irreducible ? (*laws.l_opt_irreducible)(prediction.target_compute)
                                              : (*laws.l_opt_fit)(prediction.target_compute);
      CHECK(*prediction.loss == Approx(law));
    }
    CHECK(laws.l_opt_irreducible.has_value() == (method == "vp"));
    for (const io::Estimator& estimator : laws.estimators) {
      if (!estimator.exponent_a || estimator.name == "kaplan") {
        continue;  // without curves, repeated data or an N; and Kaplan's form is another law
      }
      CAPTURE(estimator.name);
      CHECK(estimator.status == "ok");
      CHECK(*estimator.exponent_a == Approx(0.452).margin(0.06));
      if (estimator.name == method) {
        CHECK(*estimator.exponent_a == laws.n_opt_fit->exponent_a);
        CHECK(*estimator.coefficient_k == laws.n_opt_fit->coefficient_k);
      }
    }
    if (method == "vp") {
      for (const io::OptimalPoint& point : laws.optimal_points) {
        CHECK(point.model_size == Approx((*laws.n_opt_fit)(point.compute_budget)));
      }
    }
  }
}

TEST_CASE("the laws are in the runs' own cost convention", "[analysis][analyze]") {
  auto results = test::planted_runs(test::kChinchilla);
  for (io::RunResult& run : results) {
    run.compute_budget *= 1.5;  // C = 9 N D
  }
  const io::ScalingLaws laws = analyze(results, quick_config());
  CHECK(laws.provenance->flops_per_nd == Approx(9.0).epsilon(1e-4));
  const double c = 1.5e24;
  const double n = (*laws.n_opt_fit)(c), d = (*laws.d_opt_fit)(c);
  CHECK(9 * n * d == Approx(c).epsilon(1e-4));
  CHECK(d == Approx(4.035834749563681e12).epsilon(1e-4));
}

TEST_CASE("a headline without an answer falls back aloud", "[analysis][analyze]") {
  // Six runs at one D each: no surface in D, but parabolas.
  auto runs = test::planted_runs(test::kChinchilla, {.budgets = {1e18, 1e20}, .sizes = 5});
  for (io::RunResult& run : runs) {
    run.num_tokens = run.compute_budget < 1e19 ? 1'000'000'000 : 10'000'000'000;
  }
  const io::ScalingLaws laws = analyze(runs, quick_config("vp"));
  CHECK(laws.provenance->requested == "vp");
  CHECK(laws.provenance->headline == "quadratic");
  CHECK_THAT(joined(laws.warnings),
             ContainsSubstring("FALLBACK: the headline is quadratic, not the requested vp (5 "
                               "different sizes and 2 token counts") ||
                 ContainsSubstring("FALLBACK: the headline is quadratic, not the requested vp (10 "
                                   "different sizes and 2 token counts"));
}

TEST_CASE("without any certified estimator there is no law, and argmin only if asked for",
          "[analysis][analyze]") {
  // Two budgets of three sizes: the parabolas hold, the surface does not.
  const auto few = test::planted_runs(test::kChinchilla, {.budgets = {1e18, 1e20}, .sizes = 2});
  CHECK_THROWS_WITH(analyze(few, quick_config("vp")),
                    ContainsSubstring("4 runs; 5 parameters need at least 6") &&
                        ContainsSubstring("Train more budgets and sizes"));
  // All optima on the edge: even argmin has no answer.
  auto edge = test::planted_runs(test::kChinchilla);
  for (io::RunResult& run : edge) {
    run.final_loss = 5 - 0.1 * std::log(static_cast<double>(run.model_size));
  }
  CHECK_THROWS_WITH(analyze(edge, quick_config("argmin")),
                    ContainsSubstring("is at the edge of its sizes"));
  CHECK(analyze(noisy_runs(), quick_config("argmin")).provenance->headline == "argmin");
}

TEST_CASE("empirical is argmin by its Python name, and has no fallback", "[analysis][analyze]") {
  CHECK(find_estimator("empirical") == find_estimator("argmin"));
  CHECK(find_estimator("huberr") == nullptr);
  CHECK(analyze(noisy_runs(), quick_config("empirical")).provenance->headline == "argmin");
  CHECK_THROWS_AS(analyze(noisy_runs(), quick_config("huberr")), ConfigError);
}

TEST_CASE("the law's warnings carry their numbers", "[analysis][analyze]") {
  AnalyzerConfig config = quick_config("argmin");
  CHECK_THAT(joined(analyze(noisy_runs(), config).warnings),
             ContainsSubstring("The target 1e24 FLOP is 1000 times the largest budget"));

  config.validation.expected_exponent = 0.9;
  const io::ScalingLaws off = analyze(noisy_runs(), config);
  CHECK_THAT(joined(off.warnings), ContainsSubstring("is outside 0.9 +- 0.15"));
  CHECK(off.validation["exponent"]["within"] == false);

  auto scattered = noisy_runs();
  for (size_t i = 0; i < scattered.size(); i += 7) {
    scattered[i + (i % 2 == 0 ? 0 : 6)].final_loss = 1.0;
  }
  const io::ScalingLaws poor = analyze(scattered, quick_config("argmin"));
  CHECK(poor.n_opt_fit->status == "low r_squared");
  CHECK_THAT(joined(poor.warnings), ContainsSubstring("N_opt: R^2 = "));
  config = quick_config("argmin");
  config.fitting.min_r_squared = 0.0;
  CHECK(analyze(scattered, config).n_opt_fit->status == "ok");
}

TEST_CASE("every fitting key changes what it says", "[analysis][analyze]") {
  auto results = noisy_runs();
  results[30].final_loss = 1.5;  // one budget's argmin is off
  AnalyzerConfig config = quick_config("argmin");
  const double plain = analyze(results, config).n_opt_fit->exponent_a;
  config.fitting.robust = true;
  CHECK(analyze(results, config).n_opt_fit->exponent_a != plain);

  config = quick_config("quadratic");
  const double window = analyze(noisy_runs(), config).n_opt_fit->exponent_a;
  config.fitting.window_nats = 0.1;
  CHECK(analyze(noisy_runs(), config).n_opt_fit->exponent_a != window);
  config = quick_config("quadratic");
  config.fitting.weight_vertices = false;
  CHECK(analyze(noisy_runs(), config).n_opt_fit->exponent_a != window);

  config = quick_config();
  config.bootstrap.replicates = 0;
  const io::ScalingLaws bare = analyze(noisy_runs(), config);
  CHECK_FALSE(bare.n_opt_fit->a_ci);
  CHECK_FALSE(bare.predictions[0].loss_ci);
  config.validation.leave_one_out = false;
  CHECK(bare.validation.contains("leave_one_budget_out"));
  CHECK_FALSE(analyze(noisy_runs(), config).validation.contains("leave_one_budget_out"));
}

TEST_CASE("leaving out a budget predicts it from the others", "[analysis][validation]") {
  auto results = test::planted_runs(test::kChinchilla);
  const io::ScalingLaws clean = analyze(results, quick_config());
  const io::Json& vp = clean.validation["leave_one_budget_out"]["vp"];
  CHECK(vp["budgets"].size() == 5);
  CHECK(vp["rms_loss"].get<double>() < 1e-6);
  // One budget whose losses are all 5% too high is predicted 5% too low.
  for (size_t i = 14; i < 21; ++i) {
    *results[i].final_loss *= 1.05;
  }
  const io::ScalingLaws off = analyze(results, quick_config());
  const io::Json& row = off.validation["leave_one_budget_out"]["vp"]["budgets"][2];
  CHECK(row["compute_budget"] == 1e19);
  CHECK(row["relative_loss_error"].get<double>() == Approx(1 - 1 / 1.05).epsilon(0.01));
}

TEST_CASE("laws round-trip through the file", "[analysis][io]") {
  auto results = noisy_runs();
  for (io::RunResult& run : results) {
    run.floor_nats = 1.5;
  }
  const test::TemporaryFolder folder;
  const io::ScalingLaws laws = analyze(results, quick_config());
  io::write_laws(folder / "laws.json", laws);
  const io::ScalingLaws back = io::read_laws(folder / "laws.json");
  CHECK(io::to_json(back).dump() == io::to_json(laws).dump());
  REQUIRE(back.estimators[2].name == "vp");
  CHECK(back.estimators[2].alpha_ci->low == laws.estimators[2].alpha_ci->low);
  CHECK(back.isoflop[1].points[2].experiment_id == laws.isoflop[1].points[2].experiment_id);
  CHECK(*back.floor_nats == 1.5);
  CHECK(io::to_json(laws)["parametric"]["estimator"] == "vp");
}

TEST_CASE("run_analysis writes what output asks for", "[analysis][run]") {
  const test::TemporaryFolder folder;
  io::write_results(folder / "results.json", noisy_runs());
  AnalyzerConfig config = quick_config();
  config.paths.results = folder / "results.json";
  config.paths.analysis = folder / "analysis";
  const auto laws_file = folder / "analysis/scaling_laws.json";
  const auto configs_file = folder / "analysis/optimal_configs.json";

  SECTION("everything") {
    const AnalysisReport report = run_analysis(config, false);
    const io::ScalingLaws back = io::read_laws(laws_file);
    CHECK(back.isoflop.size() == 5);
    CHECK(back.provenance->results_path == config.paths.results);
    CHECK_FALSE(back.provenance->created.empty());
    const io::Json configs = io::read_json(configs_file, "");
    REQUIRE(configs.size() == 7);
    CHECK(configs[6]["kind"] == "target");
    CHECK(configs[6]["compute"] == 1e24);
    CHECK_THAT(read_file(folder / "analysis/report.md"), ContainsSubstring("\n## Provenance\n"));
    for (const char* part : {"Optimum per budget",
                             "Estimators",
                             "Predicted optima",
                             "Warnings",
                             "Optimal configurations",
                             "starts agree",
                             "Leave one budget out"}) {
      CHECK_THAT(report.text, ContainsSubstring(part));
    }
    CHECK_THAT(report.summary, ContainsSubstring("Optimum for 1e24 FLOP: N = "));
    const AnalysisReport printed = run_analysis(config, true);
    CHECK(printed.text == io::to_json(printed.laws).dump(2) + "\n");
  }
  SECTION("nothing") {
    config.output = {
        .save_fit = false, .save_isoflops = false, .generate_configs = false, .save_report = false};
    const AnalysisReport report = run_analysis(config, false);
    CHECK_FALSE(std::filesystem::exists(folder / "analysis"));
    CHECK_THAT(report.text, ContainsSubstring("Optimum per budget"));
    CHECK_THAT(report.text, !ContainsSubstring("Optimal configurations"));
  }
  SECTION("no isoflops") {
    config.output.save_isoflops = false;
    CHECK(run_analysis(config, false).laws.isoflop.empty());
    CHECK(io::read_laws(laws_file).isoflop.empty());
  }
  SECTION("nothing after an error") {
    auto results = noisy_runs();
    results.resize(7);
    io::write_results(folder / "results.json", results);
    CHECK_THROWS_AS(run_analysis(config, false), TooLittleDataError);
    CHECK_FALSE(std::filesystem::exists(folder / "analysis"));
  }
  SECTION("no results") {
    config.paths.results = folder / "absent.json";
    CHECK_THROWS_AS(run_analysis(config, false), FileError);
  }
}
