// SPDX-License-Identifier: MIT
#include "flops_fit/plot/visualize.h"

#include "sample.h"
#include "support/catch.h"
#include "support/environment.h"
#include "support/files.h"

#include "flops_fit/io/laws.h"
#include "flops_fit/io/metrics.h"
#include "flops_fit/io/results.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

using namespace ff;
using namespace ff::plot;

namespace fs = std::filesystem;

namespace {

VisualizerConfig config_in(const fs::path& folder) {
  VisualizerConfig config;
  config.output_dir = folder.string();
  config.paths.results = (folder / "results.json").string();
  config.paths.analysis = (folder / "analysis/scaling_laws.json").string();
  config.paths.plots = (folder / "plots").string();
  config.paths.runs = (folder / "runs").string();
  config.paths.report = (folder / "report.html").string();
  config.plots.dpi = 60;
  return config;
}

void write_study(const fs::path& folder, bool with_metrics) {
  const FigureInputs study = test::sample_study();
  io::write_results(folder / "results.json", study.results);
  io::write_laws(folder / "analysis/scaling_laws.json", study.laws);
  for (const RunHistory& run : study.histories) {
    std::string text;
    for (const io::MetricsLine& line : run.lines) {
      text += io::to_json_line(line) + "\n";
    }
    if (with_metrics) {
      test::write_text(folder / "runs" / run.experiment_id / "metrics.jsonl",
                       text + "{\"step\": 9");
    }
  }
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) {
    out += line + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("visualize draws a whole study and its report", "[plot]") {
  const test::TemporaryFolder folder;
  write_study(folder.path(), true);
  const VisualizeOutcome outcome = visualize(config_in(folder.path()));
  CHECK(joined(outcome.problems) == "");
  CHECK(outcome.written.size() == 4 * 3 + 1);
  for (const fs::path& file : outcome.written) {
    CHECK(fs::file_size(file) > 0);
  }
}

TEST_CASE("a figure that cannot be drawn does not stop the others", "[plot]") {
  const test::TemporaryFolder folder;
  write_study(folder.path(), false);
  const VisualizeOutcome outcome = visualize(config_in(folder.path()));
  REQUIRE(outcome.problems.size() == 1);
  CHECK_THAT(outcome.problems[0], ContainsSubstring("loss_curves: not drawn"));
  CHECK(outcome.written.size() == 3 * 3 + 1);
  CHECK_THAT(read_file(folder / "report.html"), ContainsSubstring("loss_curves: not drawn"));
}

TEST_CASE("the Python tool's files are drawn unchanged", "[plot]") {
  const test::TemporaryFolder folder;
  VisualizerConfig config = config_in(folder.path());
  const fs::path golden = test::source_dir() / "tests/golden/python_original";
  config.paths.results = (golden / "results.json").string();
  config.paths.analysis = (golden / "scaling_laws.json").string();
  const VisualizeOutcome outcome = visualize(config);
  for (const char* name : {"isoflops_curves.png", "scaling_laws.png", "tokens_per_param.png"}) {
    CHECK(fs::exists(folder / "plots" / name));
  }
}

TEST_CASE("only the named figures and formats are drawn", "[plot]") {
  const test::TemporaryFolder folder;
  write_study(folder.path(), false);
  VisualizerConfig config = config_in(folder.path());
  config.plots.figures = {"tokens_per_param"};
  config.plots.format = {"svg", "pdf"};
  config.paths.report.clear();
  const VisualizeOutcome outcome = visualize(config);
  CHECK(outcome.written.size() == 4);
  CHECK(fs::exists(folder / "plots/tokens_per_param.pdf"));
}

TEST_CASE("missing inputs and bad settings are refused with a remedy", "[plot]") {
  const test::TemporaryFolder folder;
  VisualizerConfig config = config_in(folder.path());
  CHECK_THROWS_WITH(visualize(config), ContainsSubstring("run ff-analyze first"));
  CHECK_THROWS_AS(visualize(config), FileError);
  config.plots.format.clear();
  CHECK_THROWS_WITH(visualize(config), ContainsSubstring("plots.format"));
  config = config_in(folder.path());
  config.plots.figures = {"isoflop"};
  CHECK_THROWS_WITH(visualize(config), ContainsSubstring("isoflops_curves"));
}

TEST_CASE("no drawable figure is too little data, no gnuplot a failure", "[plot]") {
  const test::TemporaryFolder folder;
  io::write_laws(folder / "analysis/scaling_laws.json", {});
  io::write_results(folder / "results.json", {});
  CHECK_THROWS_AS(visualize(config_in(folder.path())), TooLittleDataError);

  write_study(folder.path(), true);
  const test::EnvironmentVariable path("PATH", "");
  try {
    (void)visualize(config_in(folder.path()));
    FAIL("visualize drew without gnuplot");
  } catch (const Error& failure) {
    CHECK(failure.exit_code() == ExitCode::kRuntimeFailure);
    CHECK_THAT(failure.what(), ContainsSubstring("gnuplot-nox"));
  }
  CHECK_THAT(read_file(folder / "report.html"), ContainsSubstring("Not drawn"));
}

TEST_CASE("show without a display says so", "[plot]") {
  const test::TemporaryFolder folder;
  write_study(folder.path(), true);
  const test::EnvironmentVariable x11("DISPLAY", "");
  ::unsetenv("DISPLAY");
  ::unsetenv("WAYLAND_DISPLAY");
  VisualizerConfig config = config_in(folder.path());
  config.plots.show = true;
  config.plots.figures = {"tokens_per_param"};
  CHECK_THAT(joined(visualize(config).problems), ContainsSubstring("no display"));
}
