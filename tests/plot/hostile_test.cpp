// SPDX-License-Identifier: MIT
// Pictures under somebody else's settings, and texts that would be commands if they were let.
#include "sample.h"
#include "support/catch.h"
#include "support/environment.h"
#include "support/process.h"

#include "flops_fit/plot/gnuplot.h"
#include "flops_fit/plot/markup.h"
#include "flops_fit/plot/report.h"
#include "flops_fit/util/atomic_file.h"

#include <fmt/format.h>

#include <string>
#include <vector>

using namespace ff;
using namespace ff::plot;

namespace fs = std::filesystem;

namespace {

/// A figure with every shape and a dashed line, whose every text is `text`.
Figure figure_with(const std::string& text) {
  const std::string literally = literal(text);
  Panel panel{.title = literally, .x = {literally, false}, .y = {literally, false}};
  const std::vector<double> x = {1.5, 2.25, 3.125}, y = {1.25, 2.5, 1.75};
  const std::vector<double> low = {1, 2, 1.5}, high = {1.5, 3, 2};
  for (const auto& [shape, role] : {std::pair(Shape::kBand, Role::kInterval),
                                    std::pair(Shape::kLine, Role::kExtrapolation),
                                    std::pair(Shape::kErrorsY, Role::kPrediction),
                                    std::pair(Shape::kPoints, Role::kRun)}) {
    panel.series.push_back({.legend = literally,
                            .role = role,
                            .shape = shape,
                            .x = x,
                            .y = y,
                            .low = low,
                            .high = high,
                            .note = text});
  }
  return {.name = "odd", .title = literally, .legend_title = literally, .panels = {panel}};
}

const RenderOptions kSmall{Medium::kNotebook, {"png"}, 60};

/// The text of an SVG picture, without its tags.
std::string text_of(const std::string& svg) {
  std::string out;
  bool in_tag = false;
  for (const char c : svg) {
    in_tag = in_tag || c == '<';
    if (!in_tag) {
      out += c;
    }
    in_tag = in_tag && c != '>';
  }
  for (const auto& [entity, meaning] : {std::pair("&lt;", "<"),
                                        std::pair("&gt;", ">"),
                                        std::pair("&quot;", "\""),
                                        std::pair("&#39;", "'"),
                                        std::pair("&amp;", "&")}) {
    for (size_t at = out.find(entity); at != std::string::npos; at = out.find(entity, at + 1)) {
      out.replace(at, std::string_view(entity).size(), meaning);
    }
  }
  return out;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

/// Texts that mean something in a script, in a string of either kind, in enhanced text, in a data
/// file, in HTML or to a shell.
const std::vector<std::string> kOdd = {
    "C:\\models\\llama\\",
    "ends in two \\\\",
    "it's 'quoted' ''twice''",
    "say \"hello\" \"",
    "`touch pwned`",
    "$(touch pwned)",
    "'; system('touch pwned'); x='",
    "\"; system(\"touch pwned\"); x=\"",
    "\\\"; !touch pwned",
    "@pwned @ {/:Bold b} {unbalanced",
    "}} ^{up} _{down} ^ _ ~a{.8b} &{gap}",
    "100% %d %s %n",
    "# no comment",
    "a;b,c\\n\\t\\101",
    "<script>alert(1)</script> &amp; &lt;",
    "\" id=\"x\" xlink:href=\"#y\" url(#z) ' onload='x",
    "ff_end",
    "$ff_rows << ff_end",
    "{{ }} {0} ${HOME} $HOME",
    "\xC3\xA9\xE2\x82\xAC",
    "=cmd|' /C calc'!A0",
    "-e",
};

/// A locale that writes 3,5 for 3.5, made in `folder`; none where there is nothing to make it of.
bool make_comma_locale(const fs::path& folder) {
  return test::run("mkdir locales && localedef -i de_DE -f UTF-8 ./locales/de_DE.UTF-8", folder)
                 .exit_code <= 1 &&
         fs::exists(folder / "locales/de_DE.UTF-8");
}

}  // namespace

TEST_CASE("a user's settings of gnuplot change neither our pictures nor those drawn by hand",
          "[plot]") {
  const test::TemporaryFolder folder;
  const test::EnvironmentVariable home("HOME", folder.path().string());
  const test::EnvironmentVariable language("LC_ALL", "C.UTF-8");
  const test::EnvironmentVariable locales("LOCPATH", (folder / "locales").string());
  const Figure figure = figure_with("text");
  REQUIRE(!render(figure, folder / "plots", kSmall).problem);
  const std::string expected = read_file(folder / "plots/odd.png");
  std::vector<std::string> settings = {"set datafile columnheaders",
                                       "set datafile separator ','",
                                       "set datafile missing '2.5'",
                                       "set datafile commentschars '1'",
                                       "set decimalsign ','",
                                       "set encoding iso_8859_1",
                                       "set terminal pngcairo transparent crop mono rounded dl 9",
                                       "set linetype 1 lw 9 dt 3 pt 3 ps 9 lc 'red'",
                                       "set dashtype 1 (9,9)",
                                       "set monochrome",
                                       "set multiplot layout 2,2",
                                       "set table 'foo.txt'",
                                       "set xdata time; set logscale y; set polar",
                                       "set label 77 'foo' at graph 0.5,0.5 front",
                                       "format = 9; data = 'other.tsv'; mark_scale = 7",
                                       "set output 'elsewhere.png'"};
  if (make_comma_locale(folder.path())) {
    settings.emplace_back("set decimalsign locale 'de_DE.UTF-8'");
  } else {
    WARN("no locale with a decimal comma can be made here");
  }
  for (const std::string& setting : settings) {
    INFO(setting);
    test::write_text(folder / ".gnuplot", setting + "\n");
    fs::remove(folder / "plots/odd.png");
    REQUIRE(!render(figure, folder / "plots", kSmall).problem);
    CHECK((read_file(folder / "plots/odd.png") == expected));
    fs::remove(folder / "plots/odd.png");
    CHECK(test::run("gnuplot odd.gp", folder / "plots").exit_code == 0);
    CHECK((read_file(folder / "plots/odd.png") == expected));
  }
}

TEST_CASE("variables of gnuplot's and of the language do not change the pictures", "[plot]") {
  const test::TemporaryFolder folder;
  const Figure figure = figure_with("text");
  REQUIRE(!render(figure, folder.path(), kSmall).problem);
  const std::string expected = read_file(folder / "odd.png");
  make_comma_locale(folder.path());
  const test::EnvironmentVariable locales("LOCPATH", (folder / "locales").string());
  const test::EnvironmentVariable language("LC_ALL", "de_DE.UTF-8");
  const test::EnvironmentVariable terminal("GNUTERM", "svg mono");
  const test::EnvironmentVariable library("GNUPLOT_LIB", "/nowhere");
  REQUIRE(!render(figure, folder.path(), kSmall).problem);
  CHECK((read_file(folder / "odd.png") == expected));
}

TEST_CASE("text from files is drawn as it is, runs nothing and swallows nothing", "[plot]") {
  const test::TemporaryFolder folder;
  for (const std::string& text : kOdd) {
    INFO(text);
    const Figure figure = figure_with(text);
    const RenderOptions svg{Medium::kNotebook, {"svg"}, 60};
    const Rendered rendered = render(figure, folder.path(), svg);
    REQUIRE(rendered.problem.value_or("") == "");
    // Title, legend (equal texts share one entry) with its title, and two axes.
    const std::string plain = to_plain(figure.title);
    CHECK(count_of(text_of(read_file(folder / "odd.svg")), plain) == 5);
    CHECK(count_of(tsv_text(figure), "\t" + text + "\n") == 3 * 4);
    const std::string drawn = read_file(folder / "odd.svg");
    fs::remove(folder / "odd.svg");
    CHECK(test::run("gnuplot odd.gp", folder.path()).err.empty());
    CHECK((read_file(folder / "odd.svg") == drawn));
    CHECK(!fs::exists(folder / "pwned"));
  }
  // Nothing else was made, and nothing beside us.
  CHECK(!fs::exists("pwned"));
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    CHECK(entry.path().stem() == "odd");
  }
}

TEST_CASE("a label has the same pixels as the bare text", "[plot]") {
  const test::TemporaryFolder folder;
  const auto drawn = [&](const std::string& label) {
    test::write_text(folder / "label.gp",
                     "set terminal pngcairo enhanced size 400,60\nset encoding utf8\n"
                     "set output 'label.png'\nset label " +
                         label +
                         " at screen 0.02,0.5\nunset border\nunset tics\n"
                         "set xrange [0:1]\nset yrange [0:1]\nplot NaN notitle\n");
    CHECK(test::run("gnuplot -d label.gp", folder.path()).err == "");
    return read_file(folder / "label.png");
  };
  std::vector<std::string> texts = kOdd;
  texts.emplace_back("\\a\\1\\F_\\^\\{\\}");
  for (const std::string& text : texts) {
    INFO(text);
    std::string codes = "\"";
    for (const char c : text) {
      codes += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    }
    CHECK((drawn(to_gnuplot(literal(text))) == drawn(codes + "\" noenhanced")));
  }
}

TEST_CASE("text from files stays text in the report's pictures", "[plot]") {
  for (const std::string& text : kOdd) {
    INFO(text);
    const ReportFigure drawn = inline_svg(figure_with(text));
    REQUIRE(drawn.problem == "");
    REQUIRE(drawn.svg.size() == 1);
    const std::string& svg = drawn.svg.front();
    CHECK(svg.starts_with("<svg role=\"img\" aria-label=\"" + escape_html(text) + "\""));
    CHECK(count_of(text_of(svg), to_plain(literal(text))) == 4);  // no title
    CHECK(svg.find("<script") == std::string::npos);
    CHECK(svg.ends_with("</svg>\n\n"));
  }
}

TEST_CASE("identifiers of the report's pictures are their own, and point to each other", "[plot]") {
  const std::string svg = inline_svg(figure_with("text")).svg.front();
  CHECK_THAT(svg, ContainsSubstring("id='odd_1_gpPt1'"));
  CHECK_THAT(svg, ContainsSubstring("href='#odd_1_gpPt"));
  for (const char* gone : {"xmlns", "xlink", "<?xml", "<title>", "<desc>"}) {
    CHECK_THAT(svg, !ContainsSubstring(gone));
  }
}
