// SPDX-License-Identifier: MIT
#include "report_parts.h"

#include "flops_fit/plot/markup.h"
#include "flops_fit/util/units.h"
#include "flops_fit/util/version.h"

#include <fmt/format.h>

namespace ff::plot {
namespace {

constexpr const char* kStyle = R"css(
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 64rem; padding: 1rem; color: #1c1c1c; background: #fff;
  font: 1rem/1.5 system-ui, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.answer { border-left: .3rem solid #0b5394; background: #f3f7fb; padding: .75rem 1rem; }
.answer p { margin: .25rem 0; } .answer .big { font-size: 1.2rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr));
  gap: .5rem; }
.panels.one { max-width: 34rem; } figure { margin: 0 0 1rem; break-inside: avoid; }
svg { width: 100%; height: auto; display: block; }
figcaption, .note { color: #555; font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #e2e2e2; }
th { border-bottom: 1px solid #888; font-weight: 600; }
th:first-child, td:first-child { text-align: left; }
tr.headline td { font-weight: 600; background: #f3f7fb; }
.ci { color: #666; font-weight: 400; font-size: .85em; }
.warnings { background: #fff7ed; border-left: .3rem solid #d55e00; padding: .5rem 1rem .5rem 2rem;
  margin: 0; }
pre { overflow-x: auto; font-size: .85rem; } dt { font-weight: 600; } dd { margin: 0 0 .4rem; }
dd { overflow-wrap: anywhere; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } h2 { break-after: avoid; }
  table, .answer { break-inside: avoid; } .scroll { overflow: visible; } }
)css";

}  // namespace

std::string significant(double value) {
  return to_html(power_text(value));
}
std::string count(double value) {
  return escape_html(format_count(value));
}

std::string table(const Row& header,
                  const std::vector<Row>& rows,
                  std::optional<size_t> emphasised) {
  std::string out = "<div class=\"scroll\"><table><thead><tr>";
  for (const std::string& cell : header) {
    out += "<th>" + cell + "</th>";
  }
  out += "</tr></thead><tbody>\n";
  for (size_t i = 0; i < rows.size(); ++i) {
    out += emphasised == i ? "<tr class=\"headline\">" : "<tr>";
    for (const std::string& cell : rows[i]) {
      out += "<td>" + cell + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string warnings(const std::vector<std::string>& of_analysis, const ReportContent& content) {
  if (of_analysis.empty() && content.problems.empty()) {
    return "";
  }
  std::string out = "<h2>Warnings</h2>\n<ul class=\"warnings\">\n";
  for (const auto* list : {&of_analysis, &content.problems}) {
    for (const std::string& warning : *list) {
      out += "<li>" + escape_html(warning) + "</li>\n";
    }
  }
  return out + "</ul>\n";
}

std::string figures(const ReportContent& content) {
  std::string out = "<h2>Figures</h2>\n";
  for (const ReportFigure& drawn : content.figures) {
    out += fmt::format("<figure>\n<h3>{}</h3>\n", to_html(drawn.figure.title));
    if (drawn.svg.empty()) {
      out += fmt::format("<p class=\"note\">Not drawn: {}</p>\n", escape_html(drawn.problem));
    } else {
      out += fmt::format("<div class=\"panels{}\">\n", drawn.svg.size() == 1 ? " one" : "");
      for (const std::string& svg : drawn.svg) {
        out += "<div>" + svg + "</div>\n";
      }
      out += "</div>\n";
    }
    out += fmt::format("<figcaption>{}</figcaption>\n</figure>\n", to_html(drawn.figure.caption));
  }
  return out;
}

std::string times(const ReportContent& content) {
  if (content.times.empty()) {
    return "";
  }
  const auto row = [](const std::string& name, const io::RunTime& time) {
    return Row{name,
               format_duration(time.predicted_s),
               format_duration(time.actual_s),
               fmt::format("{:.2f}", time.actual_s / time.predicted_s)};
  };
  std::vector<Row> rows;
  for (const io::RunTime& time : content.times) {
    rows.push_back(row(escape_html(time.experiment_id), time));
  }
  const io::RunTime total = io::total_time(content.times);
  rows.push_back(row("all", total));
  return fmt::format(
             "<h2>Time</h2>\n<p>{} runs took {}, added up; ff-plan had predicted {}.</p>\n"
             "<details><summary>Run by run</summary>\n<p class=\"note\">Training and evaluation, "
             "without the start of each run's process.</p>\n",
             content.times.size(),
             format_duration(total.actual_s),
             format_duration(total.predicted_s)) +
         table({"Run", "Predicted", "Took", "Ratio"}, rows, rows.size() - 1) + "</details>\n";
}

std::string provenance(const Entries& entries, const ReportContent& content) {
  std::string out = "<h2>How this was made</h2>\n<dl>\n";
  const auto entry = [&](const char* name, const std::string& text) {
    if (!text.empty()) {
      out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, escape_html(text));
    }
  };
  entry("Drawn by", fmt::format("ff-visualize {}, {}", ff::version(), content.created));
  for (const auto& [name, text] : entries) {
    entry(name, text);
  }
  entry("Results", content.results_path);
  entry("Analysis", content.analysis_path);
  return out + "</dl>\n";
}

std::string page(const std::string& heading, const std::string& body) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  out += fmt::format("<title>{}: flops-fit report</title>\n<style>", heading);
  out += kStyle;
  out += fmt::format("</style>\n</head>\n<body>\n<h1>{}</h1>\n", heading);
  return out + body + "</body>\n</html>\n";
}

}  // namespace ff::plot
