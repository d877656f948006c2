// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/input.h"

#include "analysis/input_files.h"

#include "flops_fit/analysis/analyze.h"
#include "flops_fit/io/metrics.h"

using namespace ff;
using namespace ff::analysis;
using namespace ff::test;

TEST_CASE("CSV, JSONL and a JSON array of one table are the same runs", "[analysis][input]") {
  const std::string csv =
      "name,params,tokens,flops,loss\na,1e6,2e7,1.2e14,3.5\nb,2.5e6,2e7,3e14,3\n";
  const std::string rows[] = {
      R"({"name": "a", "params": 1e6, "tokens": 2e7, "flops": 1.2e14, "loss": 3.5})",
      R"({"name": "b", "params": 2500000, "tokens": 2e7, "flops": 3e14, "loss": 3})"};
  const std::string lines = rows[0] + "\n\n" + rows[1] + "\r\n";
  const std::string array = "[" + rows[0] + ",\n" + rows[1] + "]";
  for (const auto& [name, content] :
       std::vector<std::pair<std::string, std::string>>{{"a.csv", csv},
                                                        {"a.CSV", csv},
                                                        {"a.txt", csv},
                                                        {"a.jsonl", lines},
                                                        {"a.ndjson", lines},
                                                        {"a.dat", lines},
                                                        {"a.json", array},
                                                        {"a", " \n" + array}}) {
    INFO(name);
    const InputData data = read(name, content);
    REQUIRE(data.runs.size() == 2);
    CHECK(data.warnings.empty());
    const Run& run = data.runs[1];
    CHECK(run.id == "b");
    CHECK(run.completed());
    CHECK(run.n == 2.5e6);
    CHECK(run.d == 2e7);
    CHECK(run.flops == 3e14);
    CHECK(run.budget == 3e14);
    CHECK(run.loss == 3.0);
    CHECK_FALSE(run.result);
    CHECK_FALSE(run.unique_tokens);
  }
}

TEST_CASE("CSV is read with its quotes, line endings, blanks and byte order mark",
          "[analysis][input]") {
  const InputData data = read("a.csv",
                              "\xEF\xBB\xBF,\"name\", params ,tokens,loss\r\n"
                              "\r\n"
                              "0,\"a, \"\"b\"\"\",1e6, 2e7,\"3.5\"\r\n"
                              "1,\"two\nlines\" ,1_000,2e7,3\r\n"
                              "   \r\n"
                              "2,,1.5,2e7,3");
  REQUIRE(data.runs.size() == 3);
  CHECK(data.runs[0].id == "a, \"b\"");
  CHECK(data.runs[0].d == 2e7);
  CHECK(data.runs[0].loss == 3.5);
  CHECK(data.runs[1].id == "two\nlines");
  CHECK(data.runs[1].n == 1000);
  CHECK(data.runs[2].id == "a.csv:7");  // the quoted line break counts
  CHECK(data.runs[2].n == 1.5);
  CHECK(data.runs[2].flops == 0);
  CHECK(data.runs[2].budget == 6 * 1.5 * 2e7);
}

TEST_CASE("results of different corpora or tokenizers are not fitted together",
          "[analysis][input]") {
  auto results = test::planted_runs(test::kChinchilla);
  for (size_t i = 0; i < results.size(); ++i) {
    results[i].data = i < 5 ? "text tokens=1 vocab=300" : "text tokens=2 vocab=300";
  }
  const TemporaryFolder folder;
  io::write_results(folder / "results.json", results);
  AnalyzerConfig config = config_of(folder / "results.json");
  CHECK_THROWS_WITH(read_input(config), ContainsSubstring("different corpora or tokenizers"));
  CHECK_THROWS_WITH(read_input(config), ContainsSubstring("5 runs on text tokens=1 vocab=300"));
  CHECK_THROWS_AS(read_input(config), FileError);
  config.input.filter = {"data=text tokens=2 vocab=300"};
  CHECK(read_input(config).runs.size() == results.size() - 5);
  config.input.filter = {};
  config.input.allow_mixed_data = true;
  CHECK(read_input(config).runs.size() == results.size());
  // One that failed does not matter, and what does not say is not held against it.
  config.input.allow_mixed_data = false;
  for (size_t i = 0; i < 5; ++i) {
    results[i].data = i < 4 ? "" : results[i].data;
  }
  results[4].status = io::kFailed;
  results[4].final_loss.reset();
  io::write_results(folder / "results.json", results);
  CHECK(read_input(config).runs.size() == results.size());
}

TEST_CASE("our results are read with all they carry", "[analysis][input]") {
  auto results = test::planted_runs(test::kChinchilla);
  results[0].actual_flops = 1.5e17;
  results[0].params = cost::ParamCounts{30, 20, 10, 5, 5};
  results[1].status = "failed";
  results[1].final_loss.reset();
  const TemporaryFolder folder;
  io::write_results(folder / "results.json", results);
  AnalyzerConfig config = config_of(folder / "results.json");
  const InputData data = read_input(config);
  REQUIRE(data.runs.size() == results.size());
  CHECK(data.runs[0].id == "exp_0000");
  CHECK(data.runs[0].flops == 1.5e17);
  CHECK(data.runs[0].budget == 1e17);
  CHECK(data.runs[0].n_total == 30.0);
  CHECK(data.runs[0].n_matmul == 20.0);
  CHECK(data.runs[0].n_non_embedding == 10.0);
  CHECK_FALSE(data.runs[1].completed());
  const std::vector<Run> direct = runs_from(results);
  for (size_t i = 0; i < results.size(); ++i) {
    REQUIRE(data.runs[i].result);
    CHECK(data.runs[i].n == direct[i].n);
    CHECK(data.runs[i].d == direct[i].d);
    CHECK(data.runs[i].budget == direct[i].budget);
    CHECK(data.runs[i].completed() == direct[i].completed());
  }
  // A nested count can be N, and conditions reach into it.
  config.input.columns.params = "params.total";
  config.input.filter = {"params.total=30"};
  REQUIRE(read_input(config).runs.size() == 1);
  CHECK(read_input(config).runs[0].n == 30);
}

TEST_CASE("the analysis of a CSV is the one of the results it was made from", "[analysis][input]") {
  const auto results = test::planted_runs(test::kChinchilla, {.noise = 0.002});
  std::string csv = "id,N,D,C,loss\n";
  for (const io::RunResult& run : results) {
    csv += fmt::format("{},{},{},{},{}\n",
                       run.experiment_id,
                       run.model_size,
                       run.num_tokens,
                       run.compute_budget,
                       *run.final_loss);
  }
  const TemporaryFolder folder;
  write_text(folder / "runs.csv", csv);
  AnalyzerConfig config = config_of(folder / "runs.csv");
  config.bootstrap.replicates = 0;
  const auto ours = analyze(results, config);
  const auto theirs = run_analysis(config, false).laws;
  CHECK(theirs.n_opt_fit->exponent_a == ours.n_opt_fit->exponent_a);
  CHECK(theirs.provenance->runs_used == 35);
  CHECK(theirs.isoflop[0].points[0].experiment_id == "exp_0000");
}

TEST_CASE("columns are found by known names, or by those given", "[analysis][input]") {
  const std::string csv =
      "Parameters,n_tokens,actual_flops,compute_budget,val_loss,train_loss,state,unique_tokens,"
      "params_total,params_nonemb\n"
      "1e6,2e7,1.3e14,1.2e14,3.5,3.4,finished,1e7,1.5e6,9e5\n"
      "1e6,2e7,1.3e14,,3.5,3.4,crashed,,,\n";
  InputData data = read("a.csv", csv);
  const Run& run = data.runs[0];
  CHECK(run.n == 1e6);
  CHECK(run.flops == 1.3e14);
  CHECK(run.budget == 1.2e14);
  CHECK(run.loss == 3.5);
  CHECK(run.completed());
  CHECK(run.unique_tokens == 1e7);
  CHECK(run.n_total == 1.5e6);
  CHECK(run.n_non_embedding == 9e5);
  CHECK(data.runs[1].status == "crashed");
  CHECK(data.runs[1].budget == 1.3e14);
  CHECK_FALSE(data.runs[1].n_total);
  CHECK(read("a.csv", csv, {.columns = {.params = "params_total", .loss = "train_loss"}})
            .runs[0]
            .loss == 3.4);
  CHECK_THAT(fault("a.csv", csv, {.columns = {.loss = "lloss"}}),
             ContainsSubstring("input.columns.loss: ") &&
                 ContainsSubstring("has no column lloss; it has Parameters, n_tokens"));
  CHECK_THAT(fault("a.csv", "params,tokens,score\n1,2,3\n"),
             ContainsSubstring("no column for the loss") &&
                 ContainsSubstring("name it with input.columns.loss. The file has params, tokens"));
  CHECK_THAT(fault("a.csv", "N,d,loss\n1,768,3\n"),  // d is a width
             ContainsSubstring("no column for the training tokens"));
  CHECK_THAT(fault("a.csv", "params,flops,loss\n1,2,3\n"),
             ContainsSubstring("no column for the training tokens") &&
                 ContainsSubstring("add one (flops / (6 params)"));
}

TEST_CASE("names that repeat get their line, unless they are experiment ids", "[analysis][input]") {
  const InputData data = read("a.csv", "name,params,tokens,loss\nx,1,2,3\nx,1,2,4\ny,1,2,4\n");
  CHECK(data.runs[0].id == "x (a.csv:2)");
  CHECK(data.runs[1].id == "x (a.csv:3)");
  CHECK(data.runs[2].id == "y");
  CHECK(read("a.csv", "experiment_id,params,tokens,loss\nx,1,2,3\nx,1,2,4\n").runs[1].id == "x");
}

TEST_CASE("a filter keeps the rows that meet every condition", "[analysis][input]") {
  const std::string csv =
      "source,lr,params,tokens,loss\nc4,0.002,1,2,3\nc4,2e-3,1,2,4\nrpj,0.002,1,2,5\nc4,,1,2,6\n";
  const auto count = [&](const std::vector<std::string>& filter) {
    return read("a.csv", csv, {.filter = filter}).runs.size();
  };
  CHECK(count({"source=c4"}) == 3);
  CHECK(count({"source = c4", "lr=0.0020"}) == 2);
  CHECK(count({"source!=c4"}) == 1);
  CHECK(count({"lr!=0.002"}) == 1);
  CHECK(count({"lr="}) == 1);
  CHECK(count({"loss<4"}) == 1);
  CHECK(count({"loss<=4"}) == 2);
  CHECK(count({"loss>4"}) == 2);
  CHECK(count({"loss>=4", "lr>0"}) == 2);
  const auto refused = [&](const std::string& condition) {
    return fault("a.csv", csv, {.filter = {condition}});
  };
  CHECK_THAT(refused("sorce=c4"), ContainsSubstring("no column sorce; it has source, lr, params"));
  CHECK_THAT(refused("source=pile"),
             ContainsSubstring("\"source=pile\" leaves none of the 4 rows"));
  CHECK_THAT(refused("source"), ContainsSubstring("\"source\" is no condition"));
  CHECK_THAT(refused("=3"), ContainsSubstring("is no condition"));
  CHECK_THAT(refused("lr<low"), ContainsSubstring("\"low\", which is no number"));
  CHECK_THAT(refused("source<3"), ContainsSubstring("a.csv:2: column source: expected a number"));
}

TEST_CASE("rows of one run are its checkpoints", "[analysis][input]") {
  const std::string csv =
      "run,params,tokens,flops,loss\n"
      "a,10,200,12000,3\nb,20,100,12000,4\na,10,100,6000,3.5\nb,20,50,6000,nan\nc,30,5,900,5\n";
  const InputData data = read("a.csv", csv);
  REQUIRE(data.runs.size() == 3);
  CHECK(data.runs[0].id == "a");
  CHECK(data.runs[0].d == 200);
  CHECK(data.runs[0].loss == 3);
  CHECK(data.runs[1].budget == 12000);
  CHECK(data.warnings.empty());
  REQUIRE(data.curves.size() == 3);
  const Curve& curve = data.curves[0];
  CHECK(curve.id == "a");
  CHECK(curve.n == 10);
  REQUIRE(curve.points.size() == 2);
  CHECK(curve.points[0].flops == 6000);
  CHECK(curve.points[0].d == 100);
  CHECK(curve.points[0].loss == 3.5);
  CHECK(data.curves[1].points.size() == 1);  // the other has no loss

  CHECK(read("a.csv", csv + "b,20,200,24000,nan\n").curves.size() == 2);  // b diverged

  // Where no run has several rows, the column is their name.
  CHECK(read("a.csv", "run,params,tokens,loss\na,10,5,3\nb,20,5,3\n").runs[1].id == "b");
  // Where "run" counts seeds, every row is a run.
  const InputData seeds = read("a.csv", "run,params,tokens,loss\n1,10,5,3\n1,20,5,3\n2,10,5,3\n");
  CHECK(seeds.runs.size() == 3);
  CHECK(seeds.curves.empty());
  CHECK_THAT(joined(seeds.warnings), ContainsSubstring("rows of \"1\" differ in params"));
}

TEST_CASE("training curves come from a table, or from the runs' folder", "[analysis][input]") {
  const TemporaryFolder folder;
  auto results = test::planted_runs(test::kChinchilla);
  io::write_results(folder / "results.json", results);
  AnalyzerConfig config = config_of(folder / "results.json");
  CHECK(read_input(config).curves.empty());
  SECTION("a table; runs that the filter left out have no curve") {
    write_text(folder / "curves.csv",
               "run,num_tokens,loss\nexp_0000,100,9\nexp_0000,200,8\nexp_0009,1,7\nother,1,1\n");
    config.paths.trajectories = (folder / "curves.csv").string();
    CHECK(read_input(config).curves.size() == 2);
    config.input.filter = {"compute_budget<=1e17"};
    const InputData data = read_input(config);
    REQUIRE(data.curves.size() == 1);
    CHECK(data.curves[0].id == "exp_0000");
    CHECK(data.curves[0].n == data.runs[0].n);
    CHECK(data.curves[0].points[1].flops == Approx(1e17 * 200 / data.runs[0].d));
  }
  SECTION("a table of other runs is warned of, one without runs refused") {
    config.paths.trajectories = (folder / "curves.csv").string();
    write_text(folder / "curves.csv", "run,tokens,loss\na,100,9\n");
    CHECK_THAT(joined(read_input(config).warnings), ContainsSubstring("the column run has to"));
    write_text(folder / "curves.csv", "tokens,loss\n100,9\n");
    CHECK_THROWS_WITH(read_input(config), ContainsSubstring("needs columns for the run"));
    config.paths.trajectories = (folder / "none.csv").string();
    CHECK_THROWS_WITH(read_input(config), ContainsSubstring("no such file"));
  }
  SECTION("the folder runs beside the results, losses of one kind") {
    const auto log = [&](const std::string& id, bool held_out) {
      std::string text;
      for (int i = 1; i <= 4; ++i) {
        text += io::to_json_line({.step = i,
                                  .tokens = 100 * i,
                                  .flops = i == 1 ? 0 : 1e10 * i,
                                  .train_loss = 5.0,
                                  .eval_loss = held_out ? std::optional(6.0) : std::nullopt}) +
                "\n";
      }
      write_text(folder.path() / "runs" / id / "metrics.jsonl", text);
    };
    log("exp_0000", true);
    InputData data = read_input(config);
    REQUIRE(data.curves.size() == 1);
    REQUIRE(data.curves[0].points.size() == 4);
    CHECK(data.curves[0].points[0].flops == Approx(1e17 * 100 / data.runs[0].d));
    CHECK(data.curves[0].points[3].flops == 4e10);
    CHECK(data.curves[0].points[3].loss == 6.0);
    log("exp_0001", false);
    data = read_input(config);
    REQUIRE(data.curves.size() == 2);
    CHECK(data.curves[0].points[3].loss == 5.0);
    write_text(folder.path() / "runs/exp_0002/metrics.jsonl", "{\"step\n{}\n");
    data = read_input(config);
    CHECK(data.curves.size() == 2);
    CHECK_THAT(joined(data.warnings), ContainsSubstring("curves of 1 runs cannot be read"));
  }
}

TEST_CASE("the published tables are read as they are", "[analysis][input][published]") {
  constexpr const char* kRepeated =
      "36 of 4852 checkpoints have the run and the tokens of another; the last counts.\n";
  struct Case {
    const char* file;
    std::vector<std::string> filter;
    size_t runs, curves;
  };
  for (const Case& c : {Case{"chinchilla_epoch.csv", {}, 245, 0},
                        Case{"chinchilla_epoch.csv", {"epoch_kept=1"}, 240, 0},
                        Case{"farseer.csv", {"source=farseer_train"}, 404, 0},
                        Case{"gemstones_hot.csv", {}, 220, 0},
                        Case{"cs336_isoflops.csv", {}, 72, 0},
                        Case{"mlfoundations_overtraining.csv", {}, 104, 0},
                        Case{"datablations_fit182.csv", {}, 182, 0},
                        Case{"steplaw_dense_best.csv", {}, 17, 0},
                        Case{"misfitting_trajectories.csv", {}, 240, 240}}) {
    const auto path = test::published_table(c.file);
    if (!path) {
      continue;
    }
    INFO(c.file);
    AnalyzerConfig config = config_of(*path);
    config.input.filter = c.filter;
    const InputData data = read_input(config);
    CHECK(data.runs.size() == c.runs);
    CHECK(data.curves.size() == c.curves);
    CHECK(joined(data.warnings) == (c.curves == 0 ? "" : kRepeated));
    CHECK(prepare_runs(data.runs, config.input).points.size() == c.runs);
    size_t points = 0;
    for (const Curve& curve : data.curves) {
      points += curve.points.size();
    }
    CHECK(points == (c.curves > 0 ? 4816 : 0));
  }
  if (const auto path = test::published_table("datablations_fit182.csv")) {
    const InputData data = read_input(config_of(*path));
    CHECK(data.runs[0].unique_tokens == 4e9);
    CHECK(data.runs[0].id == "2b832b4b");
  }
  if (const auto path = test::published_table("farseer.csv")) {
    const Dataset data = prepare_runs(read_input(config_of(*path)).runs, {});
    CHECK_THAT(joined(check_data(data)), ContainsSubstring("bits per byte or per character"));
  }
  if (const auto path = test::published_table("porian_optima.csv")) {
    CHECK_THROWS_WITH(read_input(config_of(*path)), ContainsSubstring("The file has experiment,"));
    AnalyzerConfig config = config_of(*path);
    config.input.columns.params = "n";
    config.input.columns.tokens = "t";
    CHECK(read_input(config).runs.size() == 177);
  }
}
