// SPDX-License-Identifier: MIT
// Which law leads, and what its predictions carry.
#include "analysis/planted.h"
#include "support/catch.h"

#include "flops_fit/analysis/analyze.h"

#include <fmt/ranges.h>

using namespace ff;
using namespace ff::analysis;

namespace {

AnalyzerConfig quick() {
  AnalyzerConfig config;
  config.bootstrap.replicates = 40;
  config.target_compute = {1e22, 1e24};
  config.predict.training_time = false;
  return config;
}

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace

TEST_CASE("auto is vp on clean runs and huber where some lie far off", "[analysis][headline]") {
  auto runs = test::planted_runs(test::kChinchilla, {.noise = 0.003});
  CHECK(analyze(runs, quick()).provenance->headline == "vp");
  *runs[9].final_loss *= 1.08;
  const io::ScalingLaws laws = analyze(runs, quick());
  CHECK(laws.provenance->requested == "auto");
  CHECK(laws.provenance->headline == "huber");
  CHECK_THAT(joined(laws.warnings),
             ContainsSubstring("1 of 35 runs lie more than 5 robust standard deviations") &&
                 ContainsSubstring("exp_0009"));
  AnalyzerConfig asked = quick();
  asked.fitting.method = "vp";
  CHECK(analyze(runs, asked).provenance->headline == "vp");
  // Small sweeps, in which huber goes through five of the runs, have no outliers for that.
  for (unsigned seed = 0; seed < 10; ++seed) {
    const auto few = test::planted_runs(
        test::kChinchilla,
        {.budgets = {1e18, 1e19, 1e20}, .sizes = 5, .noise = 0.005, .seed = seed});
    CHECK_THAT(joined(analyze(few, quick()).warnings), !ContainsSubstring("robust standard"));
  }
}

TEST_CASE("the printed range holds the bootstrap interval and every certified estimator",
          "[analysis][headline]") {
  const io::ScalingLaws laws =
      analyze(test::planted_runs(test::kChinchilla, {.noise = 0.01}), quick());
  for (const io::Prediction& p : laws.predictions) {
    REQUIRE(p.model_size_range);
    CHECK(p.model_size_range->low <= p.model_size_ci->low);
    CHECK(p.model_size_range->high >= p.model_size_ci->high);
    CHECK(p.by_estimator.size() == 5);
    for (const auto& [name, size] : p.by_estimator) {
      CAPTURE(name);
      CHECK(name != "argmin");
      CHECK(size >= p.model_size_range->low);
      CHECK(size <= p.model_size_range->high);
    }
    REQUIRE(p.cheap_sizes);
    CHECK(p.cheap_sizes->low < p.model_size);
    CHECK(p.model_size < p.cheap_sizes->high);
  }
  CHECK(laws.predictions[0].status == "ok");
  CHECK(laws.predictions[1].status == "extrapolation beyond 100x");
  AnalyzerConfig small = quick();
  small.target_compute = {1e14};
  const io::ScalingLaws below = analyze(test::planted_runs(test::kChinchilla), small);
  CHECK(below.predictions[0].status == "below the smallest budget by more than 100x");
  CHECK_THAT(joined(below.warnings), ContainsSubstring("below the smallest budget"));
}

TEST_CASE("conventions refit the law for each count of N and C that the runs carry",
          "[analysis][headline]") {
  auto results = test::planted_runs(test::kChinchilla);
  CHECK(analyze(results, quick()).conventions.empty());
  std::vector<Run> runs = runs_from(results);
  for (Run& run : runs) {
    run.flops = 1.5 * 6 * run.n * run.d;
    run.n_total = 2 * run.n;  // a factor: k scales, a stays
    run.n_non_embedding = std::pow(run.n, 1.1);
  }
  const io::ScalingLaws laws =
      analyze(InputData{.runs = runs, .curves = {}, .warnings = {}}, quick());
  const io::Json& rows = laws.conventions;
  REQUIRE(rows.size() == 6);
  const auto row = [&](const std::string& params, const std::string& flops) {
    for (const io::Json& each : rows) {
      if (each["params"] == params && each["flops"] == flops) {
        return each;
      }
    }
    FAIL("no " << params << " " << flops);
    return io::Json();
  };
  const double a = test::kChinchilla.exponent_a();
  CHECK(row("model_size", "exact")["exponent_a"].get<double>() == Approx(a).epsilon(1e-4));
  CHECK(row("model_size", "exact")["flops_per_nd"].get<double>() == Approx(9));
  CHECK(row("total", "exact")["exponent_a"].get<double>() == Approx(a).epsilon(1e-4));
  CHECK(row("total", "exact")["coefficient_k"].get<double>() ==
        Approx(2 * row("model_size", "exact")["coefficient_k"].get<double>()).epsilon(1e-3));
  CHECK(row("non_embedding", "6ND")["exponent_a"].get<double>() > a);
}

TEST_CASE("serving and scarce data move the predicted optimum", "[analysis][headline]") {
  AnalyzerConfig config = quick();
  const auto runs = test::planted_runs(test::kChinchilla, {.noise = 0.002});
  const io::ScalingLaws plain = analyze(runs, config);
  CHECK_FALSE(plain.predictions[0].lifetime);
  CHECK_FALSE(plain.predictions[0].repeated);
  config.predict.inference_tokens = 1e12;
  config.predict.unique_tokens = 1e10;
  const io::ScalingLaws laws = analyze(runs, config);
  const io::Prediction& p = laws.predictions[0];
  REQUIRE(p.lifetime);
  CHECK(p.lifetime->model_size < p.model_size);
  CHECK(p.lifetime->saved_share > 0);
  REQUIRE(p.repeated);
  CHECK(p.repeated->epochs > 1);
  CHECK(p.repeated->loss > *p.loss);
  // Without a surface they cannot be answered, and it says so.
  config.fitting.starts = 4;
  const io::ScalingLaws none = analyze(runs, config);
  CHECK_FALSE(none.predictions[0].lifetime);
  CHECK_THAT(joined(none.warnings), ContainsSubstring("need a certified surface"));
}

TEST_CASE("subtracting the parabola's bias moves quadratic towards the surface",
          "[analysis][headline]") {
  AnalyzerConfig config = quick();
  config.fitting.method = "quadratic";
  config.fitting.window_nats = 10;
  const auto runs = test::planted_runs(test::kChinchilla, {.sizes = 9, .spread = 16});
  const double truth =
      std::exp(test::kChinchilla.log_k_n(6) + test::kChinchilla.exponent_a() * std::log(1e24));
  const io::ScalingLaws biased = analyze(runs, config);
  config.fitting.subtract_bias = true;
  const io::ScalingLaws corrected = analyze(runs, config);
  const double off = std::abs(std::log(biased.predictions[1].model_size / truth));
  CHECK(off > 0.03);
  CHECK(std::abs(std::log(corrected.predictions[1].model_size / truth)) < 0.01 * off);
  CHECK(biased.parabola_bias["targets"][1]["n_factor"].get<double>() ==
        Approx(biased.predictions[1].model_size / truth).epsilon(1e-3));
}
