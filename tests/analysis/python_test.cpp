// SPDX-License-Identifier: MIT
// The Python tool's own files, unchanged (golden/python_original: mode mock, its argmin fit).
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/analysis/analyze.h"

using namespace ff;
using namespace ff::analysis;

TEST_CASE("method empirical reproduces the Python tool's scaling_laws.json", "[analysis]") {
  const auto golden = test::source_dir() / "tests/golden/python_original";
  const io::ScalingLaws expected = io::read_laws(golden / "scaling_laws.json");
  const std::vector<io::RunResult> results = io::read_results(golden / "results.json");
  AnalyzerConfig config;
  config.fitting.method = "empirical";
  config.bootstrap.replicates = 10;
  const io::ScalingLaws laws = analyze(results, config);

  const auto same = [](const std::optional<io::PowerLaw>& ours,
                       const std::optional<io::PowerLaw>& theirs) {
    REQUIRE(ours);
    REQUIRE(theirs);
    CHECK(ours->name == theirs->name);
    CHECK(ours->coefficient_k == Approx(theirs->coefficient_k).epsilon(1e-6));
    CHECK(ours->exponent_a == Approx(theirs->exponent_a).epsilon(1e-6));
    CHECK(*ours->r_squared == Approx(*theirs->r_squared).epsilon(1e-9));
    CHECK(ours->formula == theirs->formula);
  };
  same(laws.n_opt_fit, expected.n_opt_fit);
  same(laws.d_opt_fit, expected.d_opt_fit);
  same(laws.l_opt_fit, expected.l_opt_fit);
  CHECK(*laws.optimal_ratio == Approx(*expected.optimal_ratio).epsilon(1e-12));
  REQUIRE(laws.optimal_points.size() == expected.optimal_points.size());
  for (size_t i = 0; i < laws.optimal_points.size(); ++i) {
    CHECK(laws.optimal_points[i].compute_budget == expected.optimal_points[i].compute_budget);
    CHECK(laws.optimal_points[i].model_size == expected.optimal_points[i].model_size);
    CHECK(laws.optimal_points[i].num_tokens == expected.optimal_points[i].num_tokens);
    CHECK(laws.optimal_points[i].final_loss == expected.optimal_points[i].final_loss);
  }
  CHECK(laws.provenance->headline == "argmin");

  // Sizes are written as the Python tool writes them, as whole numbers.
  const io::Json json = io::to_json(laws);
  CHECK(json["optimal_points"][0]["model_size"].dump() == "499999");
}
