// SPDX-License-Identifier: MIT
// The whole pipeline with real training, on budgets small enough for a test.
#include "support/catch.h"
#include "support/process.h"

#include "flops_fit/io/laws.h"
#include "flops_fit/io/results.h"

#include <algorithm>
#include <cmath>
#include <map>

using ff::test::run;
using ff::test::TemporaryFolder;

namespace {

const std::string kTinyPlan =
    "ff-plan -q 'compute.budgets=[1e9,2e9,4e9]' 'plan.widths=[[8,16,24],[8,16,24],[8,16,24]]' "
    "schedule.min_steps=5 compute.min_tokens_per_param=0.1 hardware.predict_time=off";
const std::string kTinyTrain = "ff-train -q evaluation.tokens=4000";

std::map<std::string, double> losses(const std::filesystem::path& results) {
  std::map<std::string, double> by_id;
  for (const auto& r : ff::io::read_results(results)) {
    by_id[r.experiment_id] = r.final_loss.value_or(NAN);
  }
  return by_id;
}

}  // namespace

TEST_CASE("plan, train, analyze, draw: every file of the pipeline is there", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(kTinyPlan, folder.path()).exit_code == 0);
  const auto trained = run(kTinyTrain, folder.path());
  INFO(trained.err);
  REQUIRE(trained.exit_code == 0);
  const auto results = folder / "outputs/results.json";
  const auto first = losses(results);
  REQUIRE(first.size() == 9);
  for (const auto& r : ff::io::read_results(results)) {
    CHECK(r.completed());
    CHECK(*r.final_loss > *r.floor_nats);
    CHECK(*r.final_loss < std::log(488.0));
    CHECK(std::abs(r.actual_flops / r.compute_budget - 1.0) <= 0.011);
    const auto run_dir = folder / ("outputs/runs/" + r.experiment_id);
    for (const char* name : {"config.yaml", "metrics.jsonl", "result.json", "experiment.json"}) {
      CHECK(std::filesystem::exists(run_dir / name));
    }
    CHECK_FALSE(std::filesystem::exists(run_dir / "checkpoint"));
  }
  const auto analyzed = run("ff-analyze -q fitting.method=quadratic", folder.path());
  INFO(analyzed.err);
  CHECK((analyzed.exit_code == 0 || analyzed.exit_code == 5));  // tiny budgets may have no minimum
  // Of runs this small only the training curves say anything.
  const auto envelope = run("ff-analyze -q fitting.method=envelope", folder.path());
  INFO(envelope.err);
  REQUIRE(envelope.exit_code == 0);
  const auto drawn = run("ff-visualize -q", folder.path());
  INFO(drawn.err);
  CHECK(drawn.exit_code == 0);
  for (const char* name : {"plots/isoflops_curves.png",
                           "plots/isoflops_curves.gp",
                           "plots/isoflops_curves.tsv",
                           "plots/scaling_laws.png",
                           "plots/tokens_per_param.png",
                           "plots/loss_curves.png",
                           "report.html"}) {
    INFO(name);
    CHECK(std::filesystem::exists(folder / (std::string("outputs/") + name)));
  }

  {  // Every stage says who made its files, and from what.
    const auto read = [&](const std::string& name) {
      return ff::io::read_json(folder / ("outputs/" + name), "");
    };
    struct Stage {
      std::string program;
      ff::io::Json provenance;
      std::vector<std::string> inputs;
    };
    for (const Stage& stage :
         {Stage{"ff-plan", read("sweep.provenance.json"), {}},
          Stage{"ff-train", read("results.provenance.json"), {"outputs/sweep.json"}},
          Stage{"ff-analyze",
                read("analysis/scaling_laws.json")["provenance"]["made_by"],
                {"outputs/results.json"}},
          Stage{"ff-visualize",
                read("plots/provenance.json"),
                {"outputs/results.json",
                 "outputs/analysis/scaling_laws.json",
                 "outputs/sweep.json"}}}) {
      INFO(stage.program);
      CHECK(stage.provenance["program"] == stage.program);
      CHECK_THAT(run(stage.program + " --version", folder.path()).out,
                 ContainsSubstring(stage.provenance["version"].get<std::string>()));
      CHECK(stage.provenance["configuration"]["output_dir"] == "outputs");
      for (const char* key : {"git_commit", "host", "created"}) {
        CHECK(stage.provenance.contains(key));
      }
      REQUIRE(stage.provenance["inputs"].size() == stage.inputs.size());
      for (size_t i = 0; i < stage.inputs.size(); ++i) {
        CHECK(stage.provenance["inputs"][i]["path"] == stage.inputs[i]);
        CHECK_THAT(run("sha256sum " + stage.inputs[i], folder.path()).out,
                   ContainsSubstring(stage.provenance["inputs"][i]["sha256"].get<std::string>()));
      }
    }
    for (const auto& r : ff::io::read_results(results)) {
      CHECK_THAT(r.data, ContainsSubstring("zipf-stories"));
      CHECK_FALSE(r.host.empty());
    }
  }

  {  // The same seed gives the same losses.
    const std::string fewer = " 'compute.budgets=[1e9]' 'plan.widths=[[8,16,24]]'";
    REQUIRE(run(kTinyPlan + fewer + " output_dir=again", folder.path()).exit_code == 0);
    REQUIRE(run(kTinyTrain + " output_dir=again hardware.num_threads=1", folder.path()).exit_code ==
            0);
    const auto again = losses(folder / "again/results.json");
    CHECK(again.size() == 3);
    for (const auto& [id, loss] : again) {
      CHECK(loss == first.at(id));
    }
    REQUIRE(
        run(kTinyPlan + fewer + " output_dir=other plan.first_seed=1", folder.path()).exit_code ==
        0);
    REQUIRE(run(kTinyTrain + " output_dir=other", folder.path()).exit_code == 0);
    CHECK(losses(folder / "other/results.json").at("exp_0000") != first.at("exp_0000"));
  }

  {  // Resuming trains what is missing, and nothing else.
    const auto stamp = [&](const std::string& id) {
      return std::filesystem::last_write_time(folder / ("outputs/runs/" + id + "/result.json"));
    };
    const auto untouched = stamp("exp_0001");
    const auto removed = stamp("exp_0004");
    std::filesystem::remove_all(folder / "outputs/runs/exp_0004");
    const auto resumed = run(kTinyTrain, folder.path());
    CHECK(resumed.exit_code == 0);
    CHECK_THAT(resumed.out, ContainsSubstring("1 completed, 8 kept"));
    CHECK(stamp("exp_0001") == untouched);
    CHECK(stamp("exp_0004") != removed);
    CHECK(losses(results) == first);
  }
}

TEST_CASE("losses of a planted law lead back to it", "[e2e]") {
  const TemporaryFolder folder;
  const std::string preset = " -q --config-name=presets/chinchilla";
  REQUIRE(run("ff-plan" + preset, folder.path()).exit_code == 0);

  SECTION("exactly, without noise") {
    REQUIRE(run("ff-train" + preset + " mock.noise=0", folder.path()).exit_code == 0);
    REQUIRE(run("ff-analyze" + preset, folder.path()).exit_code == 0);
    const auto laws = ff::io::read_laws(folder / "outputs/analysis/scaling_laws.json");
    for (const auto& fit : laws.estimators) {
      if (fit.name == "vp") {
        REQUIRE(fit.usable());
        CHECK(*fit.E == Approx(1.69).epsilon(1e-6));
        CHECK(*fit.A == Approx(406.4).epsilon(1e-6));
        CHECK(*fit.B == Approx(410.7).epsilon(1e-6));
        CHECK(*fit.alpha == Approx(0.34).epsilon(1e-6));
        CHECK(*fit.beta == Approx(0.28).epsilon(1e-6));
      }
    }
  }
  SECTION("within the printed interval, with noise") {
    REQUIRE(run("ff-train" + preset, folder.path()).exit_code == 0);
    REQUIRE(run("ff-analyze" + preset, folder.path()).exit_code == 0);
    const auto laws = ff::io::read_laws(folder / "outputs/analysis/scaling_laws.json");
    REQUIRE(laws.n_opt_fit->a_ci);
    CHECK(laws.n_opt_fit->a_ci->low <= 0.28 / 0.62);
    CHECK(laws.n_opt_fit->a_ci->high >= 0.28 / 0.62);
    for (const auto& fit : laws.estimators) {
      if (fit.name == "vp") {
        CHECK(fit.alpha_ci->low <= 0.34);
        CHECK(fit.alpha_ci->high >= 0.34);
        CHECK(fit.beta_ci->low <= 0.28);
        CHECK(fit.beta_ci->high >= 0.28);
      }
    }
  }
}

TEST_CASE("cpu_smoke finds an interior optimum at every budget", "[e2e][slow]") {
  const TemporaryFolder folder;
  const std::string preset = " -q --config-name=presets/cpu_smoke";
  REQUIRE(run("ff-plan" + preset, folder.path()).exit_code == 0);
  REQUIRE(run("ff-train" + preset, folder.path()).exit_code == 0);
  REQUIRE(run("ff-analyze" + preset, folder.path()).exit_code == 0);
  for (const auto& r : ff::io::read_results(folder / "outputs/results.json")) {
    CHECK(*r.final_loss > *r.floor_nats);
  }
  const auto laws = ff::io::read_laws(folder / "outputs/analysis/scaling_laws.json");
  REQUIRE(laws.isoflop.size() == 3);
  for (const auto& budget : laws.isoflop) {
    CHECK(budget.status == "ok");
  }
  // The corpus's measured optimum is 4.9e4 (C / 1e12)^0.402; three small budgets find it roughly.
  REQUIRE(laws.n_opt_fit);
  CHECK((*laws.n_opt_fit)(1e11) == Approx(1.94e4).epsilon(0.3));
}

TEST_CASE("your own text trains through a sentencepiece tokenizer", "[e2e]") {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 4000; ++i) {
    text += "Line " + std::to_string(i * 7919 % 1000) + " of a text that says the same again.\n";
  }
  ff::test::write_text(folder / "my_text.txt", text);
  const std::string data = " dataset.path=my_text.txt dataset.vocab_size=320";
  REQUIRE(run(kTinyPlan + data + " 'compute.budgets=[1e9]' 'plan.widths=[[8,16]]'", folder.path())
              .exit_code == 0);
  const auto trained = run(kTinyTrain + data, folder.path());
  INFO(trained.err);
  REQUIRE(trained.exit_code == 0);
  for (const auto& r : ff::io::read_results(folder / "outputs/results.json")) {
    CHECK(*r.bits_per_byte > 0);
    CHECK_FALSE(r.floor_nats);
  }
  // Trained on another corpus than planned for: refused by name, nothing overwritten.
  const auto mismatch = run(kTinyTrain, folder.path());
  CHECK(mismatch.exit_code == 2);
  CHECK_THAT(mismatch.err, ContainsSubstring("vocab_size"));
  CHECK(losses(folder / "outputs/results.json").size() == 2);
}

TEST_CASE("a result carries its learning rate, which no planted law knows", "[e2e]") {
  const TemporaryFolder folder;
  const std::string preset = " -q --config-name=presets/python_original";  // mode=mock
  REQUIRE(run("ff-plan" + preset, folder.path()).exit_code == 0);
  const auto planned = ff::io::read_sweep(folder / "outputs/sweep.json");
  REQUIRE(run("ff-train" + preset, folder.path()).exit_code == 0);
  const auto results = ff::io::read_results(folder / "outputs/results.json");
  REQUIRE(results.size() == planned.size());
  for (size_t i = 0; i < results.size(); ++i) {
    CHECK(results[i].learning_rate == planned[i].learning_rate);
    CHECK(results[i].sweep_kind == ff::io::kIsoflopSweep);
  }
  REQUIRE(run("ff-train trainer.learning_rate=0.25" + preset, folder.path()).exit_code == 0);
  CHECK(ff::io::read_results(folder / "outputs/results.json")[3].learning_rate == 0.25);

  REQUIRE(run("ff-plan -q sweep.kind=lr_transfer", folder.path()).exit_code == 0);
  const auto refused = run("ff-train -q mode=mock", folder.path());
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, ContainsSubstring("is an lr_transfer sweep, and the planted law"));
  CHECK(std::count(refused.err.begin(), refused.err.end(), '\n') == 1);
}

TEST_CASE("ff-train refuses bad input with one line", "[e2e]") {
  const TemporaryFolder folder;
  const auto check = [&](const std::string& command, int code, const std::string& expected) {
    const auto outcome = run(command, folder.path());
    INFO(command << "\n" << outcome.err);
    CHECK(outcome.exit_code == code);
    CHECK_THAT(outcome.err, ContainsSubstring(expected));
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  };
  check("ff-train", 3, "no such file; run ff-plan first");
  ff::test::write_text(folder / "outputs/sweep.json", "[]");
  check("ff-train", 3, "no experiments");
  ff::test::write_text(folder / "outputs/sweep.json", "[{\"experiment_id\": \"../x\"}]");
  check("ff-train", 3, "as it names a folder");
  std::filesystem::copy(ff::test::source_dir() / "tests/golden/python_original/sweep.json",
                        folder / "outputs/sweep.json",
                        std::filesystem::copy_options::overwrite_existing);
  check("ff-train", 2, "no architecture");
  const auto planned = run(kTinyPlan + " output_dir=real", folder.path());
  check("ff-train output_dir=real model.num_layers=3",
        2,
        "model.num_layers=3: real/sweep.json: experiment exp_0000 has 2; shapes come from ff-plan");
  check("ff-train mode=api", 2, "api.base_url is empty");
  check("ff-train mode=nonsense", 2, "nonsense");
  check("ff-train dataset.name=roneneldan/TinyStories", 2, "fetch_tinystories.sh");
  check("ff-train umup.base_width=32", 2, "u-mup has no base width");
  CHECK_FALSE(std::filesystem::exists(folder / "outputs/results.json"));
  // The Python tool's plan, as it is, in mock mode.
  CHECK(run("ff-train -q mode=mock", folder.path()).exit_code == 0);
  CHECK(losses(folder / "outputs/results.json").size() == 25);
}

TEST_CASE("ff-train loads LibTorch and no sentencepiece", "[e2e]") {
  const TemporaryFolder folder;
  const auto libraries = run("ldd $(command -v ff-train)", folder.path());
  CHECK_THAT(libraries.out, ContainsSubstring("libtorch"));
  CHECK_THAT(libraries.out, !ContainsSubstring("sentencepiece"));
}
