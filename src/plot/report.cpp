// SPDX-License-Identifier: MIT
#include "flops_fit/plot/report.h"

#include "report_parts.h"

#include "flops_fit/plot/markup.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ff::plot {
namespace {

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

/// The range over the estimators; files of older versions have only the bootstrap's interval.
const std::optional<io::Interval>& printed(const std::optional<io::Interval>& range,
                                           const std::optional<io::Interval>& ci) {
  return range ? range : ci;
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

/// How far it reaches, what the brackets are, and what another size would cost.
std::string note(const io::Prediction& p, double confidence) {
  std::vector<std::string> sentences;
  if (p.extrapolation > 1.0) {
    sentences.push_back(
        fmt::format("That is {:.3g} times the largest budget measured.", p.extrapolation));
  }
  if (p.model_size_range) {
    sentences.push_back(fmt::format(
        "Brackets hold {}every certified estimator's answer.",
        p.model_size_ci ? fmt::format("the {:g}% interval and ", confidence) : std::string()));
  } else if (p.model_size_ci) {
    sentences.push_back(fmt::format("Brackets are {:g}% intervals.", confidence));
  }
  if (p.cheap_sizes) {
    sentences.push_back(
        fmt::format("Any model of {} to {} parameters wastes under 1% of the compute.",
                    count(p.cheap_sizes->low),
                    count(p.cheap_sizes->high)));
  }
  return sentences.empty() ? ""
                           : fmt::format("<p class=\"note\">{}</p>\n", fmt::join(sentences, " "));
}

std::string headline(const io::ScalingLaws& laws) {
  std::string out = "<section class=\"answer\">\n";
  if (const io::Prediction* p = main_prediction(laws)) {
    out += fmt::format(
        "<p class=\"big\">With <b>{} FLOP</b>, train <b>{}</b> parameters on <b>{}</b> tokens",
        significant(p->target_compute),
        with_interval(p->model_size, printed(p->model_size_range, p->model_size_ci), count),
        with_interval(p->num_tokens, printed(p->num_tokens_range, p->num_tokens_ci), count));
    if (p->loss) {
      out += fmt::format("; expect a loss of <b>{}</b> nats/token",
                         with_interval(p->loss, printed(p->loss_range, p->loss_ci), significant));
    }
    out += ".</p>\n" + note(*p, confidence_percent(laws));
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

std::string predictions(const io::ScalingLaws& laws) {
  if (laws.predictions.empty()) {
    return "";
  }
  std::vector<Row> rows;
  for (const io::Prediction& p : laws.predictions) {
    rows.push_back(
        {significant(p.target_compute),
         with_interval(p.model_size, printed(p.model_size_range, p.model_size_ci), count),
         with_interval(p.num_tokens, printed(p.num_tokens_range, p.num_tokens_ci), count),
         with_interval(p.loss, printed(p.loss_range, p.loss_ci), significant),
         significant(p.tokens_per_param),
         p.cheap_sizes
             ? fmt::format("{} to {}", count(p.cheap_sizes->low), count(p.cheap_sizes->high))
             : kNone,
         p.extrapolation > 0 ? fmt::format("{:.3g}×", p.extrapolation) : kNone,
         p.status == "ok" ? "" : escape_html(p.status)});
  }
  return "<h2>Predictions</h2>\n" + table({"Compute [FLOP]",
                                           "Parameters N",
                                           "Tokens D",
                                           "Loss [nats/token]",
                                           "Tokens per parameter",
                                           "N that wastes under 1%",
                                           "Beyond the data",
                                           ""},
                                          rows);
}

std::string estimators(const io::ScalingLaws& laws) {
  if (laws.estimators.empty()) {
    return "";
  }
  std::vector<Row> rows;
  std::optional<size_t> emphasised;
  std::string unusable;
  for (const io::Estimator& e : laws.estimators) {
    if (!e.usable()) {  // its numbers would be read as results
      unusable += fmt::format("<li>{}: {}</li>\n", escape_html(e.name), escape_html(e.status));
      continue;
    }
    if (laws.provenance && e.name == laws.provenance->headline) {
      emphasised = rows.size();
    }
    rows.push_back({escape_html(e.name),
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
  out += table({"Estimator", "a", "b", "k", "E", "A", "B", "α", "β", "Residual", "Points"},
               rows,
               emphasised);
  if (!unusable.empty()) {
    out += "<p>Without an answer:</p>\n<ul class=\"note\">\n" + unusable + "</ul>\n";
  }
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

std::string laws_page(const io::ScalingLaws& laws, const ReportContent& content) {
  Entries entries;
  if (const auto& p = laws.provenance) {
    entries = {{"Analysed by", p->created.empty() ? p->program : p->program + ", " + p->created},
               {"Headline estimator", p->headline},
               {"Runs", fmt::format("{} read, {} used", p->runs_read, p->runs_used)}};
  }
  return page("Compute-optimal model",
              headline(laws) + warnings(laws.warnings, content) + figures(content) +
                  predictions(laws) + estimators(laws) + budgets(laws) + checks(laws) +
                  times(content) + provenance(entries, content));
}

}  // namespace

std::string report_html(const FigureInputs& inputs, const ReportContent& content) {
  return inputs.lr_transfer ? lr_transfer_page(*inputs.lr_transfer, content)
                            : laws_page(inputs.laws, content);
}

}  // namespace ff::plot
