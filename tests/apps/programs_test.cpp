// SPDX-License-Identifier: MIT
// The programs as a user meets them, without ff-train: start-up, help, configuration, the Python
// tool's files, bad input.
#include "analysis/planted_lr.h"
#include "support/catch.h"
#include "support/process.h"

#include "flops_fit/io/laws.h"
#include "flops_fit/io/sweep.h"

#include <algorithm>
#include <chrono>

using ff::test::run;
using ff::test::TemporaryFolder;
using ff::test::write_text;

namespace {

/// One line, from the program, without a stack trace.
void check_one_clear_line(const ff::test::Outcome& outcome,
                          int exit_code,
                          const std::string& expected) {
  INFO("stderr: " << outcome.err);
  CHECK(outcome.exit_code == exit_code);
  CHECK_THAT(outcome.err, ContainsSubstring(expected));
  CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
}

}  // namespace

TEST_CASE("the light programs load neither LibTorch nor sentencepiece", "[apps]") {
  const TemporaryFolder folder;
  for (const std::string program : {"ff-plan", "ff-analyze", "ff-visualize", "ff-roofline"}) {
    INFO(program);
    const auto libraries = run("ldd $(command -v " + program + ")", folder.path());
    REQUIRE(libraries.exit_code == 0);
    CHECK_THAT(libraries.out, !ContainsSubstring("libtorch"));
    CHECK_THAT(libraries.out, !ContainsSubstring("sentencepiece"));
  }
  const auto tokenize = run("ldd $(command -v ff-tokenize)", folder.path());
  CHECK_THAT(tokenize.out, ContainsSubstring("sentencepiece"));
  CHECK_THAT(tokenize.out, !ContainsSubstring("libtorch"));
}

TEST_CASE("every program has its version, its help and its defaults", "[apps]") {
  const TemporaryFolder folder;
  for (const std::string program :
       {"ff-plan", "ff-analyze", "ff-visualize", "ff-roofline", "ff-tokenize"}) {
    INFO(program);
    const auto version = run(program + " --version", folder.path());
    CHECK(version.exit_code == 0);
    CHECK_THAT(version.out, ContainsSubstring(program + " 0."));
    const auto help = run(program + " --help", folder.path());
    CHECK(help.exit_code == 0);
    CHECK_THAT(help.out, ContainsSubstring("Exit codes"));
    CHECK(run(program + " --cfg job", folder.path()).exit_code == 0);
  }
  CHECK_THAT(run("ff-plan --help", folder.path()).out, ContainsSubstring("min_flops"));
  const auto presets = run("ff-plan --list-presets", folder.path());
  for (const std::string preset :
       {"cpu_smoke", "cpu_fast", "cpu_full", "lr_transfer", "chinchilla", "python_original"}) {
    CHECK_THAT(presets.out, ContainsSubstring(preset));
    for (const std::string program :
         {"ff-plan", "ff-analyze", "ff-visualize", "ff-roofline", "ff-tokenize"}) {
      CHECK(run(program + " --cfg job --config-name=presets/" + preset, folder.path()).exit_code ==
            0);
    }
  }
}

TEST_CASE("presets plan what they promise", "[apps]") {
  const TemporaryFolder folder;
  const auto plan = [&](const std::string& preset) {
    const auto outcome =
        run("ff-plan -q hardware.predict_time=off --config-name=presets/" + preset, folder.path());
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    return ff::io::read_sweep(folder / "outputs/sweep.json");
  };
  const auto flops = [](const std::vector<ff::io::Experiment>& sweep) {
    double sum = 0.0;
    for (const auto& e : sweep) {
      sum += e.planned_flops;
    }
    return sum;
  };
  const auto smoke = plan("cpu_smoke");
  CHECK(smoke.size() == 14);
  CHECK(flops(smoke) == Approx(2.12e12).epsilon(0.01));
  const auto fast = plan("cpu_fast");
  CHECK(fast.size() == 22);
  CHECK(flops(fast) == Approx(2.83e13).epsilon(0.01));
  CHECK(plan("cpu_full").size() >= 60);  // 6 budgets, 5 to 7 sizes, 2 seeds
  const auto transfer = plan("lr_transfer");
  CHECK(transfer.size() == 28);
  CHECK(flops(transfer) == Approx(2.59e13).epsilon(0.01));
  CHECK(transfer.back().learning_rate == 8.0);
  CHECK(plan("chinchilla").size() >= 40);
  CHECK(plan("python_original").size() == 25);
}

TEST_CASE("nothing in a plan but its times depends on the machine", "[apps]") {
  const TemporaryFolder folder;
  const std::string plan = "ff-plan --json 'compute.budgets=[1e11]' 'plan.widths=[[8,16,24]]' ";
  const auto timed = run(plan + "hardware.num_threads=1", folder.path());
  const auto again = run(plan + "hardware.num_threads=1", folder.path());
  const auto untimed = run(plan + "hardware.predict_time=off", folder.path());
  INFO(timed.err);
  REQUIRE(timed.exit_code == 0);
  CHECK(again.out == timed.out);  // measured once, then known
  CHECK_THAT(again.err, !ContainsSubstring("measured"));
  auto json = ff::io::Json::parse(timed.out);
  for (auto& experiment : json) {
    CHECK(experiment.at("predicted_seconds") > 0);
    experiment.erase("predicted_seconds");
  }
  CHECK(json == ff::io::Json::parse(untimed.out));
}

TEST_CASE("a damaged cache of speeds is one warning, and no reason not to plan", "[apps]") {
  const TemporaryFolder folder;
  write_text(folder / "cache/flops-fit/speed.json", "{\"format\": ");
  const auto outcome =
      run("export XDG_CACHE_HOME=\"$PWD/cache\"; ff-plan -q hardware.num_threads=1 "
          "'compute.budgets=[1e11]' 'plan.widths=[[8,16,24]]'",
          folder.path());
  check_one_clear_line(outcome, 0, "speed.json");
  CHECK_THAT(outcome.err, ContainsSubstring("measured anew"));
}

TEST_CASE("the Python tool's results are analyzed and drawn unchanged", "[apps]") {
  const TemporaryFolder folder;
  const auto golden = ff::test::source_dir() / "tests/golden/python_original";
  std::filesystem::create_directories(folder / "outputs");
  std::filesystem::copy(golden / "results.json", folder / "outputs/results.json");
  const auto analyzed = run("ff-analyze fitting.method=empirical", folder.path());
  INFO(analyzed.err);
  REQUIRE(analyzed.exit_code == 0);
  const auto ours = ff::io::read_laws(folder / "outputs/analysis/scaling_laws.json");
  const auto theirs = ff::io::read_laws(golden / "scaling_laws.json");
  CHECK(ours.n_opt_fit->coefficient_k == Approx(theirs.n_opt_fit->coefficient_k).epsilon(1e-6));
  CHECK(ours.n_opt_fit->exponent_a == Approx(theirs.n_opt_fit->exponent_a).epsilon(1e-6));
  CHECK(ours.l_opt_fit->exponent_a == Approx(theirs.l_opt_fit->exponent_a).epsilon(1e-6));
  const auto drawn = run("ff-visualize", folder.path());
  INFO(drawn.err);
  CHECK(drawn.exit_code == 0);
  for (const std::string figure : {"isoflops_curves", "scaling_laws", "tokens_per_param"}) {
    CHECK(std::filesystem::file_size(folder / ("outputs/plots/" + figure + ".png")) > 1000);
  }
  // And with their own scaling_laws.json, which has none of our keys.
  std::filesystem::copy(golden / "scaling_laws.json",
                        folder / "outputs/analysis/scaling_laws.json",
                        std::filesystem::copy_options::overwrite_existing);
  CHECK(run("ff-visualize", folder.path()).exit_code == 0);
}

TEST_CASE("an lr_transfer sweep is analyzed and drawn for what it is", "[apps]") {
  const TemporaryFolder folder;
  auto runs = ff::test::planted_lr_runs();
  ff::io::write_results(folder / "outputs/results.json", runs);
  const auto json = run("ff-analyze -q --json", folder.path());
  INFO(json.err);
  REQUIRE(json.exit_code == 0);
  CHECK(ff::io::Json::parse(json.out)["verdict"] == "transfers");
  const auto summary = run("ff-analyze -q --summary", folder.path());
  CHECK(summary.out.starts_with("Learning-rate transfer: transfers\n"));
  const auto drawn = run("ff-visualize -q plots.dpi=60", folder.path());
  INFO(drawn.err);
  CHECK(drawn.exit_code == 0);
  CHECK_THAT(drawn.out, ContainsSubstring("lr_transfer.png"));
  CHECK_THAT(drawn.out, !ContainsSubstring("isoflops_curves"));
  runs[3].sweep_kind = ff::io::kIsoflopSweep;
  ff::io::write_results(folder / "outputs/results.json", runs);
  check_one_clear_line(run("ff-analyze -q", folder.path()), 3, "analyze one sweep at a time");
  check_one_clear_line(run("ff-visualize -q", folder.path()), 3, "analyze one sweep at a time");
  runs.resize(3);
  ff::io::write_results(folder / "outputs/results.json", runs);
  check_one_clear_line(run("ff-analyze -q", folder.path()), 5, "completed 3 learning rates");
}

TEST_CASE("bad input gets one clear line and the documented exit code", "[apps]") {
  const TemporaryFolder folder;
  const auto results = folder / "outputs/results.json";
  const auto analyze = [&](const std::string& content) {
    write_text(results, content);
    return run("ff-analyze -q", folder.path());
  };
  check_one_clear_line(run("ff-analyze", folder.path()), 3, "no such file; run ff-train first");
  check_one_clear_line(analyze(""), 3, "the file is empty");
  check_one_clear_line(analyze("[{\"experiment_id\": \"a\", "), 3, "truncated");
  check_one_clear_line(analyze("{\"a\": 1}"), 3, "expected an array of results");
  check_one_clear_line(analyze("[{\"experiment_id\": \"a\"}]"), 3, "[0].compute_budget");
  check_one_clear_line(analyze("[3]"), 3, "expected an object");
  check_one_clear_line(analyze("[]"), 5, "results");
  CHECK_FALSE(std::filesystem::exists(folder / "outputs/analysis"));
  check_one_clear_line(run("ff-visualize", folder.path()), 3, "run ff-analyze first");
  write_text(folder / "outputs/analysis/scaling_laws.json", "[1, 2");
  check_one_clear_line(run("ff-visualize", folder.path()), 3, "scaling_laws.json");
  check_one_clear_line(run("ff-plan compute.min_flop=1", folder.path()), 2, "compute.min_flops");
  check_one_clear_line(run("ff-plan compute.num_budgets=many", folder.path()), 2, "whole number");
  check_one_clear_line(run("ff-plan --config-name=presets/cpu_fsat", folder.path()), 2, "cpu_fast");
  check_one_clear_line(
      run("ff-plan model.min_size=1e9", folder.path()), 2, "no model size is left");
  check_one_clear_line(
      run("ff-plan sweep.kind=lr_transfer --config-name=presets/cpu_fast", folder.path()),
      2,
      "take presets/lr_transfer");
  check_one_clear_line(run("ff-plan sweep.kind=lr", folder.path()), 2, "lr_transfer");
  check_one_clear_line(
      run("ff-tokenize dataset.path=missing.txt", folder.path()), 3, "missing.txt");
  CHECK(run("ff-plan --no-such-flag", folder.path()).exit_code == 2);
  CHECK_FALSE(std::filesystem::exists(folder / "outputs/sweep.json"));
}

TEST_CASE("one override serves every stage of a pipeline that knows it", "[apps]") {
  const TemporaryFolder folder;
  // compute.* is ff-plan's alone: the others pass it by; nobody knows compote.
  CHECK(run("ff-analyze --pipeline --cfg job compute.num_budgets=3", folder.path()).exit_code == 0);
  CHECK(run("ff-analyze --pipeline --cfg job compote.num_budgets=3", folder.path()).exit_code == 2);
  CHECK(run("ff-analyze --cfg job compute.num_budgets=3", folder.path()).exit_code == 2);
}
