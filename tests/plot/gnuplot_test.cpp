// SPDX-License-Identifier: MIT
#include "flops_fit/plot/gnuplot.h"

#include "sample.h"
#include "support/catch.h"
#include "support/environment.h"
#include "support/files.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/foreign_program.h"

#include <cmath>
#include <iterator>
#include <string>

using namespace ff;
using namespace ff::plot;

namespace fs = std::filesystem;

namespace {

std::string start_of(const fs::path& path, size_t bytes) {
  return read_file(path).substr(0, bytes);
}

size_t files_in(const fs::path& folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

Figure sample_figure() {
  return std::get<Figure>(isoflops_curves(test::sample_study()));
}

}  // namespace

TEST_CASE("each format is a real file of its kind, and nothing else is left", "[plot]") {
  const test::TemporaryFolder folder;
  const Rendered rendered =
      render(sample_figure(), folder.path(), {Medium::kPaper, {"png", "svg", "pdf"}, 100});
  INFO(rendered.problem.value_or(""));
  REQUIRE(!rendered.problem);
  CHECK(rendered.written.size() == 5);
  CHECK(start_of(folder / "isoflops_curves.png", 8) == "\x89PNG\r\n\x1a\n");
  CHECK(start_of(folder / "isoflops_curves.svg", 5) == "<?xml");
  CHECK(start_of(folder / "isoflops_curves.pdf", 5) == "%PDF-");
  CHECK(files_in(folder.path()) == 5);
}

TEST_CASE("a PNG has the size of its medium at the chosen resolution", "[plot]") {
  const test::TemporaryFolder folder;
  const Figure figure = sample_figure();
  REQUIRE(!render(figure, folder.path(), {Medium::kPaper, {"png"}, 200}).problem);
  const std::string png = start_of(folder / "isoflops_curves.png", 24);
  const auto width =
      static_cast<unsigned char>(png[18]) * 256 + static_cast<unsigned char>(png[19]);
  CHECK(width == 660);  // 3.3 in
  CHECK(picture_size(figure, Medium::kPaper).width_in == Approx(3.3));
}

TEST_CASE("the script draws all its formats again on its own", "[plot]") {
  const test::TemporaryFolder folder;
  REQUIRE(!render(sample_figure(), folder.path(), {Medium::kNotebook, {"png", "pdf"}, 60}).problem);
  fs::remove(folder / "isoflops_curves.png");
  fs::remove(folder / "isoflops_curves.pdf");
  const ForeignOutcome outcome =
      run_foreign({.command = {"gnuplot", "isoflops_curves.gp"}, .folder = folder.path()});
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.errors.empty());
  CHECK(fs::file_size(folder / "isoflops_curves.png") > 0);
  CHECK(fs::file_size(folder / "isoflops_curves.pdf") > 0);
  CHECK_THAT(read_file(folder / "isoflops_curves.gp"), !ContainsSubstring(folder.path().string()));
}

TEST_CASE("the data file holds every value, in blocks with a header", "[plot]") {
  const std::string text = tsv_text(sample_figure());
  CHECK_THAT(text, ContainsSubstring("# x\ty\tlow\thigh\tpanel\tseries\tnote\n"));
  CHECK_THAT(text, ContainsSubstring("\t0.7975\tNaN\tNaN\tLoss at equal compute\t10^11\t-\n"));
  CHECK_THAT(text, ContainsSubstring("\n\n\n"));
}

TEST_CASE("awkward text neither breaks the script nor the data", "[plot]") {
  const test::TemporaryFolder folder;
  Figure figure;
  figure.name = "odd";
  figure.title = "100% _odd_ {title";
  Panel panel{.title = "a\tb\n", .x = {"it's {un_balanced", false}, .y = {"\"^@&~\\", false}};
  panel.series.push_back({.legend = "}{ 'x' _{sub} ^", .x = {1.0, 2.0}, .y = {1.0, std::nan("")}});
  figure.panels = {panel};
  const Rendered rendered = render(figure, folder.path(), {Medium::kNotebook, {"png"}, 60});
  CHECK(rendered.problem.value_or("") == "");
}

TEST_CASE("a failing script leaves the old picture and is named with gnuplot's words", "[plot]") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "broken.png", "old");
  test::write_text(folder / "bin/gnuplot",
                   "#!/bin/sh\necho 'line 7: cannot do that' >&2\nexit 3\n");
  fs::permissions(folder / "bin/gnuplot", fs::perms::owner_all);
  const test::EnvironmentVariable path("PATH", (folder / "bin").string());
  Figure figure = sample_figure();
  figure.name = "broken";
  const Rendered rendered = render(figure, folder.path(), {});
  REQUIRE(rendered.problem);
  CHECK_THAT(*rendered.problem, ContainsSubstring("broken.gp"));
  CHECK_THAT(*rendered.problem, ContainsSubstring("cannot do that"));
  CHECK(read_file(folder / "broken.png") == "old");
  CHECK(fs::exists(folder / "broken.gp"));
}

TEST_CASE("a gnuplot that writes nothing is noticed", "[plot]") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "bin/gnuplot", "#!/bin/sh\nexit 0\n");
  fs::permissions(folder / "bin/gnuplot", fs::perms::owner_all);
  const test::EnvironmentVariable path("PATH", (folder / "bin").string());
  const Rendered rendered = render(sample_figure(), folder.path(), {});
  REQUIRE(rendered.problem);
  CHECK_THAT(*rendered.problem, ContainsSubstring("empty"));
}

TEST_CASE("a missing gnuplot is one line that says what to install", "[plot]") {
  const test::TemporaryFolder folder;
  const test::EnvironmentVariable path("PATH", "");
  const Rendered rendered = render(sample_figure(), folder.path(), {});
  REQUIRE(rendered.problem);
  CHECK_THAT(*rendered.problem, ContainsSubstring("gnuplot-nox"));
  CHECK_THAT(*rendered.problem, ContainsSubstring("isoflops_curves.gp"));
  CHECK(rendered.problem->find('\n') == std::string::npos);
}
