// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/runs.h"

#include "analysis/planted.h"
#include "support/catch.h"

#include "flops_fit/analysis/checks.h"
#include "flops_fit/analysis/optimal_configs.h"
#include "flops_fit/util/error.h"

#include <limits>

using namespace ff;
using namespace ff::analysis;

namespace {

std::vector<io::RunResult> runs() {
  return test::planted_runs(test::kChinchilla);
}

/// The warnings of preparing and checking these runs, one text.
std::string warnings_of(const std::vector<io::RunResult>& results) {
  const Dataset data = prepare_runs(results, {});
  std::string text;
  for (const std::string& warning : data.warnings) {
    text += warning + "\n";
  }
  for (const std::string& warning : check_data(data)) {
    text += warning + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a clean sweep gives no warnings", "[analysis][runs]") {
  CHECK(warnings_of(runs()) == "");
  const Dataset data = prepare_runs(runs(), {});
  CHECK(data.budgets == std::vector<double>{1e17, 1e18, 1e19, 1e20, 1e21});
  CHECK(data.points.size() == 35);
  CHECK(data.flops_per_nd == Approx(6.0));
}

TEST_CASE("budgets within the tolerance are one, and keep a run's number", "[analysis][runs]") {
  auto results = runs();
  for (size_t i = 0; i < results.size(); ++i) {
    results[i].compute_budget *= 1 + 0.001 * static_cast<double>(i % 7);
  }
  CHECK(prepare_runs(results, {}).budgets.size() == 5);
  CHECK(prepare_runs(results, {}).budgets[1] == Approx(1e18 * 1.003).epsilon(1e-12));
  CHECK(prepare_runs(results, {.group_budgets = 0.0}).budgets.size() == 35);
}

TEST_CASE("the order of the runs does not matter, and each point keeps its run",
          "[analysis][runs]") {
  auto results = runs();
  std::mt19937_64 random(5);
  std::shuffle(results.begin(), results.end(), random);
  const Dataset data = prepare_runs(results, {});
  const Dataset sorted = prepare_runs(runs(), {});
  for (size_t i = 0; i < data.points.size(); ++i) {
    CHECK(data.points[i].n == sorted.points[i].n);
    CHECK(data.runs[i].n == data.points[i].n);
    CHECK(data.runs[i].loss == data.points[i].loss);
  }
}

TEST_CASE("failed, impossible and diverged runs are left out and counted", "[analysis][runs]") {
  auto results = runs();
  results[3].status = "failed";
  results[3].final_loss.reset();
  results[4].final_loss = -1.0;
  results[5].final_loss = std::numeric_limits<double>::quiet_NaN();
  results[6].model_size = 0;
  results[7].architecture = cost::Architecture{64, 2, 4, 256, 512, 128};
  results[7].final_loss = 7.5;  // ln 512 = 6.24
  const std::string text = warnings_of(results);
  CHECK_THAT(text, ContainsSubstring("1 of 35 runs did not complete and are left out (exp_0003)"));
  CHECK_THAT(text,
             ContainsSubstring("2 runs are left out (exp_0004, exp_0005): a loss that is not"));
  CHECK_THAT(text, ContainsSubstring("1 runs are left out (exp_0006): a parameter count"));
  CHECK_THAT(text, ContainsSubstring("(exp_0007): a loss above 1.05 ln(vocab_size)"));
  CHECK(prepare_runs(results, {}).points.size() == 30);
}

TEST_CASE("of a repeated experiment id the last completed run counts", "[analysis][runs]") {
  auto results = runs();
  io::RunResult again = results[10];
  again.final_loss = 2.5;
  results.push_back(again);
  again.status = "failed";
  again.final_loss.reset();
  results.push_back(again);
  CHECK_THAT(warnings_of(results), ContainsSubstring("exp_0010"));
  const Dataset data = prepare_runs(results, {});
  CHECK(data.points.size() == 35);
  CHECK(data.points[10].loss == 2.5);
  // Another id with the same N is a seed, and stays.
  results = runs();
  results.push_back(results[10]);
  results.back().experiment_id = "exp_0010_seed1";
  CHECK(prepare_runs(results, {}).points.size() == 36);
}

TEST_CASE("every flaw of the data has its warning", "[analysis][checks]") {
  auto results = runs();
  SECTION("edge minimum") {
    results[0].final_loss = 1.0;
    CHECK_THAT(warnings_of(results),
               ContainsSubstring("edge of the sizes in 1 of 5 budgets (1e17 at its smallest size"));
    results[6].final_loss = 0.5;
    CHECK_THAT(warnings_of(results), ContainsSubstring("at its largest size"));
  }
  SECTION("few sizes") {
    results.erase(results.begin(), results.begin() + 5);
    CHECK_THAT(warnings_of(results),
               ContainsSubstring("1 of 5 budgets have fewer than 3 sizes (1e17 has 2)"));
  }
  SECTION("mixed dtypes") {
    for (size_t i = 0; i < results.size(); ++i) {
      results[i].dtype = i < 5 ? "bfloat16" : "float32";
    }
    CHECK_THAT(warnings_of(results), ContainsSubstring("mix dtypes (5 bfloat16, 30 float32)"));
  }
  SECTION("mixed devices, where two of one kind are not mixed") {
    for (size_t i = 0; i < results.size(); ++i) {
      results[i].device = i < 5 ? "cuda:1" : "cuda:0";
    }
    CHECK(warnings_of(results) == "");
    results[0].device = "mock";
    CHECK_THAT(warnings_of(results), ContainsSubstring("mix devices (34 cuda, 1 mock)"));
  }
  SECTION("below the floor") {
    for (io::RunResult& run : results) {
      run.floor_nats = 1.0;
    }
    results[9].floor_nats = *results[9].final_loss + 0.03;
    results[9].loss_stderr = 0.02;  // within two standard errors
    CHECK(warnings_of(results) == "");
    results[9].loss_stderr = 0.01;
    CHECK_THAT(warnings_of(results), ContainsSubstring("1 losses lie more than 2 standard errors"));
  }
  SECTION("FLOPs far off the budget") {
    for (io::RunResult& run : results) {
      run.actual_flops = run.compute_budget;
    }
    results[2].actual_flops *= 3;
    CHECK_THAT(warnings_of(results), ContainsSubstring("exp_0002: 3 times"));
  }
  SECTION("another cost convention") {
    for (io::RunResult& run : results) {
      run.actual_flops = 1.5 * run.compute_budget;
    }
    CHECK_THAT(warnings_of(results), ContainsSubstring("C = 9.00 N D, not 6 N D"));
  }
}

TEST_CASE("too little data is refused with the reason and what to do", "[analysis][runs]") {
  auto results = runs();
  CHECK_THROWS_WITH(prepare_runs(std::vector<Run>(), {}), ContainsSubstring("run ff-train first"));
  for (io::RunResult& run : results) {
    run.status = "failed";
  }
  CHECK_THROWS_WITH(prepare_runs(results, {}),
                    ContainsSubstring("None of the 35 runs has completed"));
  results = runs();
  results.resize(7);
  CHECK_THROWS_WITH(prepare_runs(results, {}), ContainsSubstring("one compute budget"));
  CHECK_THROWS_AS(prepare_runs(results, {}), TooLittleDataError);
}

TEST_CASE("a suggested shape continues the family of the trained ones", "[analysis][configs]") {
  std::vector<io::RunResult> results;
  for (const int64_t width : {32, 48, 64, 96}) {
    io::RunResult run;
    run.architecture = cost::Architecture{width, 2, width / 16, 4 * width, 512, 128};
    run.model_size = cost::count_params(*run.architecture).matmul;
    results.push_back(run);
  }
  // The largest trained size comes back as itself.
  const auto same =
      suggest_architecture(runs_from(results), static_cast<double>(results[3].model_size));
  REQUIRE(same);
  CHECK(*same == *results[3].architecture);
  const auto larger = suggest_architecture(runs_from(results), 3e6);
  REQUIRE(larger);
  CHECK(larger->num_layers == 2);
  CHECK(larger->head_size() == 16);
  CHECK(larger->d_ff == 4 * larger->d_model);
  CHECK(static_cast<double>(cost::count_params(*larger).matmul) == Approx(3e6).epsilon(0.1));
  CHECK_FALSE(suggest_architecture(runs_from(runs()), 3e6));
}
