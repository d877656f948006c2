// SPDX-License-Identifier: MIT
#include "flops_fit/plot/report.h"

#include "sample.h"
#include "support/catch.h"

#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace ff;
using namespace ff::plot;

namespace {

/// The first tag that is closed without being open, or left open; empty if all are balanced.
std::string unbalanced(const std::string& html) {
  static const std::set<std::string_view> kVoid = {"meta", "!DOCTYPE", "br", "link", "img"};
  std::vector<std::string> open;
  for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const size_t end = html.find('>', at);
    if (end == std::string::npos) {
      return "unterminated tag";
    }
    const std::string tag = html.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(tag.front() == '/' ? 1 : 0);
    const std::string word = name.substr(0, name.find_first_of(" \t\n/"));
    if (tag.front() == '/') {
      if (open.empty() || open.back() != word) {
        return "</" + word + ">";
      }
      open.pop_back();
    } else if (tag.back() != '/' && !kVoid.contains(word)) {
      open.push_back(word);
    }
  }
  return open.empty() ? "" : open.back();
}

std::string sample_report() {
  const FigureInputs study = test::sample_study();
  ReportContent content;
  for (const FigureEntry& entry : figure_registry()) {
    if (entry.suits(study.sweep_kind)) {
      content.figures.push_back(inline_svg(std::get<Figure>(entry.build(study))));
      REQUIRE(content.figures.back().problem.empty());
    }
  }
  content.problems = {"a <problem> & more"};
  content.times = {{"exp_<0>", 10.0, 12.0}, {"exp_1", 90.0, 88.0}};
  content.results_path = "outputs/<results>.json";
  content.created = "2026-11-21T01:30:00Z";
  return report_html(study, content);
}

}  // namespace

TEST_CASE("the report is well formed, escaped, and asks for nothing outside itself", "[plot]") {
  const std::string html = sample_report();
  CHECK(unbalanced(html) == "");
  for (const char* request : {"http://", "https://", "<script", "url(http", "@import", "src="}) {
    CHECK(html.find(request) == std::string::npos);
  }
  CHECK_THAT(html, ContainsSubstring("a &lt;problem&gt; &amp; more"));
  CHECK_THAT(html, ContainsSubstring("outputs/&lt;results&gt;.json"));
  CHECK_THAT(html, ContainsSubstring("no parabola &lt;left out&gt;"));
}

TEST_CASE("the report says the answer, its interval and where it comes from", "[plot]") {
  const std::string html = sample_report();
  CHECK_THAT(html, ContainsSubstring("With <b>10<sup>14</sup> FLOP</b>"));
  CHECK_THAT(html, ContainsSubstring("class=\"ci\""));
  CHECK_THAT(html, ContainsSubstring("<tr class=\"headline\"><td>quadratic</td>"));
  CHECK_THAT(html, ContainsSubstring("only 2 sizes"));
  CHECK_THAT(html, ContainsSubstring("ff-visualize"));
}

TEST_CASE("the report shows the range over estimators, and who has no answer", "[plot]") {
  const io::Prediction p = test::sample_study().laws.predictions.front();
  const std::string html = sample_report();
  CHECK_THAT(html,
             ContainsSubstring(fmt::format("[{}, {}]",
                                           format_count(p.model_size_range->low),
                                           format_count(p.model_size_range->high))));
  CHECK_THAT(html, ContainsSubstring("every certified estimator's answer"));
  CHECK_THAT(html, ContainsSubstring("<li>huber: not converged: &lt;1e-9</li>"));
  CHECK_THAT(html, !ContainsSubstring("0.1234"));
}

TEST_CASE("the report shows rollout and conventions where there are any", "[plot]") {
  const std::string html = sample_report();
  CHECK_THAT(html, ContainsSubstring("<td>0.3456</td><td>1.23%</td>"));
  CHECK_THAT(html, ContainsSubstring("<td>non_embedding</td><td>6ND</td><td>0.543</td><td>–</td>"));
  CHECK_THAT(report_html({}, {}), !ContainsSubstring("<h2>Rollout</h2>"));
  CHECK_THAT(report_html({}, {}), !ContainsSubstring("<h2>Conventions</h2>"));
}

TEST_CASE("identifiers of inline pictures are unique across the page", "[plot]") {
  const std::string html = sample_report();
  std::set<std::string> seen;
  for (const char quote : {'\'', '"'}) {
    const std::string opening = std::string(" id=") + quote;
    for (size_t at = html.find(opening); at != std::string::npos; at = html.find(opening, at + 1)) {
      const size_t start = at + opening.size();
      const std::string id = html.substr(start, html.find(quote, start) - start);
      INFO(id);
      CHECK(seen.insert(id).second);
    }
  }
  CHECK(!seen.empty());
}

TEST_CASE("a report without laws, predictions or pictures still stands", "[plot]") {
  const std::string html = report_html({}, {});
  CHECK(unbalanced(html) == "");
  CHECK_THAT(html, ContainsSubstring("No law could be fitted"));
}

TEST_CASE("the report compares predicted and actual time, run by run and in all", "[plot]") {
  const std::string html = sample_report();
  CHECK_THAT(html, ContainsSubstring("2 runs took 1m 40s, added up; ff-plan had predicted 1m 40s"));
  CHECK_THAT(html,
             ContainsSubstring("<td>exp_&lt;0&gt;</td><td>10s</td><td>12s</td><td>1.20</td>"));
  CHECK_THAT(report_html({}, {}), !ContainsSubstring("<h2>Time</h2>"));
}
