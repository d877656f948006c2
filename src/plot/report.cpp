// SPDX-License-Identifier: MIT
#include "flops_fit/plot/report.h"

#include "flops_fit/plot/markup.h"
#include "flops_fit/util/units.h"
#include "flops_fit/util/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ff::plot {
namespace {

constexpr const char* kNone = "–";

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

using Row = std::vector<std::string>;  // cells as HTML

std::string significant(double value) {
  return to_html(power_text(value));
}
std::string count(double value) {
  return escape_html(format_count(value));
}

template <class Format>
std::string with_interval(std::optional<double> value,
                          const std::optional<io::Interval>& interval,
                          Format&& format) {
  if (!value) {
    return kNone;
  }
  std::string out = format(*value);
  if (interval) {
    out += fmt::format(
        " <span class=\"ci\">[{}, {}]</span>", format(interval->low), format(interval->high));
  }
  return out;
}

std::string table(const Row& header,
                  const std::vector<Row>& rows,
                  std::optional<size_t> emphasised = std::nullopt) {
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

std::string law_text(const char* name, const io::PowerLaw& law) {
  return fmt::format("{} = {} · <i>C</i><sup>{}</sup>",
                     name,
                     significant(law.coefficient_k),
                     to_html(power_text(law.exponent_a)));
}

/// The farthest target: the question that the study was made for.
const io::Prediction* main_prediction(const io::ScalingLaws& laws) {
  const auto found = std::max_element(
      laws.predictions.begin(), laws.predictions.end(), [](const auto& a, const auto& b) {
        return a.target_compute < b.target_compute;
      });
  return found == laws.predictions.end() ? nullptr : &*found;
}

double confidence_percent(const io::ScalingLaws& laws) {
  return 100.0 * (laws.provenance ? laws.provenance->confidence : 0.95);
}

std::string headline(const io::ScalingLaws& laws) {
  std::string out = "<section class=\"answer\">\n";
  if (const io::Prediction* p = main_prediction(laws)) {
    out += fmt::format(
        "<p class=\"big\">With <b>{} FLOP</b>, train <b>{}</b> parameters on <b>{}</b> tokens",
        significant(p->target_compute),
        with_interval(p->model_size, p->model_size_ci, count),
        with_interval(p->num_tokens, p->num_tokens_ci, count));
    if (p->loss) {
      out += fmt::format("; expect a loss of <b>{}</b> nats/token",
                         with_interval(p->loss, p->loss_ci, significant));
    }
    out += ".</p>\n";
    if (p->extrapolation > 1.0) {
      out += fmt::format(
          "<p class=\"note\">That is {} times the largest budget measured.{}</p>\n",
          fmt::format("{:.3g}", p->extrapolation),
          p->model_size_ci ? fmt::format(" Brackets are {:g}% intervals.", confidence_percent(laws))
                           : std::string());
    }
  }
  std::vector<std::string> parts;
  for (const auto& [name, law] : {std::pair("<i>N</i><sub>opt</sub>", &laws.n_opt_fit),
                                  std::pair("<i>D</i><sub>opt</sub>", &laws.d_opt_fit),
                                  std::pair("<i>L</i><sub>opt</sub>", &laws.l_opt_fit)}) {
    if (*law) {
      parts.push_back(law_text(name, **law));
    }
  }
  if (parts.empty()) {
    return out + "<p class=\"big\">No law could be fitted to these runs.</p>\n</section>\n";
  }
  return out + fmt::format("<p>The law: {}.</p>\n</section>\n", fmt::join(parts, ", "));
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

std::string predictions(const io::ScalingLaws& laws) {
  if (laws.predictions.empty()) {
    return "";
  }
  std::vector<Row> rows;
  for (const io::Prediction& p : laws.predictions) {
    rows.push_back({significant(p.target_compute),
                    with_interval(p.model_size, p.model_size_ci, count),
                    with_interval(p.num_tokens, p.num_tokens_ci, count),
                    with_interval(p.loss, p.loss_ci, significant),
                    significant(p.tokens_per_param),
                    p.extrapolation > 0 ? fmt::format("{:.3g}×", p.extrapolation) : kNone});
  }
  return "<h2>Predictions</h2>\n" + table({"Compute [FLOP]",
                                           "Parameters N",
                                           "Tokens D",
                                           "Loss [nats/token]",
                                           "Tokens per parameter",
                                           "Beyond the data"},
                                          rows);
}

std::string estimators(const io::ScalingLaws& laws) {
  if (laws.estimators.empty()) {
    return "";
  }
  std::vector<Row> rows;
  std::optional<size_t> emphasised;
  for (const io::Estimator& e : laws.estimators) {
    if (laws.provenance && e.name == laws.provenance->headline) {
      emphasised = rows.size();
    }
    rows.push_back({escape_html(e.name),
                    escape_html(e.status),
                    with_interval(e.exponent_a, e.exponent_a_ci, significant),
                    with_interval(e.exponent_b, e.exponent_b_ci, significant),
                    with_interval(e.coefficient_k, e.coefficient_k_ci, significant),
                    with_interval(e.E, e.E_ci, significant),
                    with_interval(e.A, e.A_ci, significant),
                    with_interval(e.B, e.B_ci, significant),
                    with_interval(e.alpha, e.alpha_ci, significant),
                    with_interval(e.beta, e.beta_ci, significant),
                    e.residual_rms ? fmt::format("{:.2f}%", 100 * *e.residual_rms) : kNone,
                    e.num_points ? fmt::format("{}", *e.num_points) : kNone});
  }
  std::string out =
      "<h2>Estimators side by side</h2>\n"
      "<p class=\"note\"><i>N</i><sub>opt</sub> = <i>k C<sup>a</sup></i>, "
      "<i>D</i><sub>opt</sub> ~ <i>C<sup>b</sup></i>; surface <i>L</i> = <i>E</i> + "
      "<i>A</i>/<i>N<sup>α</sup></i> + <i>B</i>/<i>D<sup>β</sup></i>. Their spread is a part of "
      "the uncertainty that no interval shows.";
  if (emphasised) {
    out += " The highlighted one is behind the law above.";
  }
  out += "</p>\n";
  out +=
      table({"Estimator", "Status", "a", "b", "k", "E", "A", "B", "α", "β", "Residual", "Points"},
            rows,
            emphasised);
  if (laws.floor_nats) {
    out += fmt::format(
        "<p class=\"note\">Known entropy floor of the corpus: {} nats/token, to compare with "
        "<i>E</i>.</p>\n",
        significant(*laws.floor_nats));
  }
  return out;
}

std::string budgets(const io::ScalingLaws& laws) {
  std::vector<Row> rows;
  if (laws.isoflop.empty()) {
    for (const io::OptimalPoint& p : laws.optimal_points) {
      rows.push_back({significant(p.compute_budget),
                      count(p.model_size),
                      count(p.num_tokens),
                      significant(p.final_loss),
                      significant(p.num_tokens / p.model_size)});
    }
    return rows.empty() ? ""
                        : "<h2>Budgets</h2>\n" + table({"Compute [FLOP]",
                                                        "Best N",
                                                        "Tokens D",
                                                        "Loss [nats/token]",
                                                        "Tokens per parameter"},
                                                       rows);
  }
  for (const io::Isoflop& b : laws.isoflop) {
    std::optional<io::Interval> interval;
    if (b.vertex_size && b.vertex_log_stderr) {
      const double half = 1.959964 * *b.vertex_log_stderr;
      interval = io::Interval{*b.vertex_size * std::exp(-half), *b.vertex_size * std::exp(half)};
    }
    rows.push_back({significant(b.compute_budget),
                    fmt::format("{}", b.points.size()),
                    with_interval(b.vertex_size, interval, count),
                    b.vertex_loss ? significant(*b.vertex_loss) : kNone,
                    b.residual_rms ? fmt::format("{:.2f}%", 100 * *b.residual_rms) : kNone,
                    escape_html(b.status)});
  }
  return "<h2>Budgets</h2>\n" +
         table({"Compute [FLOP]", "Runs", "N at the vertex", "Loss there", "Residual", "Status"},
               rows);
}

std::string warnings(const io::ScalingLaws& laws, const ReportContent& content) {
  if (laws.warnings.empty() && content.problems.empty()) {
    return "";
  }
  std::string out = "<h2>Warnings</h2>\n<ul class=\"warnings\">\n";
  for (const auto* list : {&laws.warnings, &content.problems}) {
    for (const std::string& warning : *list) {
      out += "<li>" + escape_html(warning) + "</li>\n";
    }
  }
  return out + "</ul>\n";
}

std::string validation(const io::ScalingLaws& laws) {
  if (!laws.validation.is_object() || laws.validation.empty()) {
    return "";
  }
  const std::string text = laws.validation.dump(2, ' ', false, io::Json::error_handler_t::replace);
  return "<h2>Validation</h2>\n<details><summary>Leave-one-out and exponent "
         "checks</summary>\n<pre>" +
         escape_html(text) + "</pre></details>\n";
}

std::string provenance(const FigureInputs& inputs, const ReportContent& content) {
  std::string out = "<h2>How this was made</h2>\n<dl>\n";
  const auto entry = [&](const char* name, const std::string& text) {
    if (!text.empty()) {
      out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, escape_html(text));
    }
  };
  entry("Drawn by", fmt::format("ff-visualize {}, {}", ff::version(), content.created));
  if (const auto& p = inputs.laws.provenance) {
    entry("Analysed by", p->created.empty() ? p->program : p->program + ", " + p->created);
    entry("Headline estimator", p->headline);
    entry("Runs", fmt::format("{} read, {} used", p->runs_read, p->runs_used));
  }
  entry("Results", content.results_path);
  entry("Analysis", content.analysis_path);
  return out + "</dl>\n";
}

}  // namespace

std::string report_html(const FigureInputs& inputs, const ReportContent& content) {
  const io::ScalingLaws& laws = inputs.laws;
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>Compute-optimal model: flops-fit report</title>\n<style>";
  out += kStyle;
  out += "</style>\n</head>\n<body>\n<h1>Compute-optimal model</h1>\n";
  out += headline(laws);
  out += warnings(laws, content);
  out += figures(content);
  out += predictions(laws);
  out += estimators(laws);
  out += budgets(laws);
  out += validation(laws);
  out += provenance(inputs, content);
  return out + "</body>\n</html>\n";
}

}  // namespace ff::plot
