// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/report.h"

#include "report_parts.h"

#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>

namespace ff::analysis {
namespace {

std::string source_line(const io::Provenance& p) {
  return fmt::format(
      "{} of {} runs used; C = {:.3g} N D", p.runs_used, p.runs_read, p.flops_per_nd);
}

Section provenance_section(const io::ScalingLaws& laws) {
  Section section{.title = "Provenance", .blocks = {}};
  if (!laws.provenance) {
    return section;
  }
  const io::Provenance& p = *laws.provenance;
  Table table({"", "value"});
  table.add({"program", p.program});
  table.add({"created", p.created});
  table.add({"input", p.results_path});
  table.add({"runs read", std::to_string(p.runs_read)});
  table.add({"runs used", std::to_string(p.runs_used)});
  table.add({"fitting.method", p.requested});
  table.add({"headline estimator", p.headline});
  table.add({"C / (N D), median [FLOP]", general(p.flops_per_nd)});
  table.add({"confidence of intervals", level_of(laws)});
  section.add(std::move(table));
  return section;
}

/// Everything that the laws say, in the order of interest: answer, doubts, evidence.
std::vector<Section> sections_of(const io::ScalingLaws& laws,
                                 const std::vector<OptimalConfig>& configs,
                                 Detail detail) {
  const bool full = detail == Detail::kFull;
  std::vector<Section> sections = {law_section(laws),
                                   prediction_section(laws, detail),
                                   scenario_section(laws),
                                   estimator_section(laws, detail),
                                   uncertainty_section(laws),
                                   certificate_section(laws, detail),
                                   rollout_section(laws, detail),
                                   holdout_section(laws, detail),
                                   jackknife_section(laws, detail),
                                   convention_section(laws),
                                   budget_section(laws, detail),
                                   full ? vertex_section(laws) : Section{},
                                   config_section(configs, detail),
                                   warning_section(laws.warnings)};
  if (laws.provenance) {
    sections.front().add(source_line(*laws.provenance));
  }
  if (full) {
    sections.push_back(provenance_section(laws));
  }
  return sections;
}

}  // namespace

std::string fixed(const std::optional<double>& value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : kNone;
}

std::string general(const std::optional<double>& value) {
  return value ? fmt::format("{:.4g}", *value) : kNone;
}

std::string count(const std::optional<double>& value) {
  return value ? format_count(*value) : kNone;
}

std::string flops(const std::optional<double>& value) {
  return value ? format_flops(*value) : kNone;
}

std::string percent(const std::optional<double>& share, int digits) {
  return share ? fmt::format("{:.{}f}%", 100 * *share, digits) : kNone;
}

std::string brackets(const std::optional<io::Interval>& interval,
                     const std::function<std::string(double)>& show) {
  return interval ? fmt::format("[{}, {}]", show(interval->low), show(interval->high)) : "";
}

std::string enumerated(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  }
  return text;
}

std::string headline_of(const io::ScalingLaws& laws) {
  return laws.provenance ? laws.provenance->headline : std::string("unknown");
}

std::string level_of(const io::ScalingLaws& laws) {
  return fmt::format("{:g}%", 100 * (laws.provenance ? laws.provenance->confidence : 0.95));
}

std::string_view points_of(const io::Estimator& estimator) {
  const EstimatorEntry* entry = find_estimator(estimator.name);
  return entry != nullptr && entry->stratified ? "budgets" : "runs";
}

std::string report(const io::ScalingLaws& laws, const std::vector<OptimalConfig>& configs) {
  return as_text(sections_of(laws, configs, Detail::kBrief));
}

std::string markdown_report(const io::ScalingLaws& laws,
                            const std::vector<OptimalConfig>& configs) {
  return as_markdown("Scaling laws", sections_of(laws, configs, Detail::kFull));
}

std::string summary(const io::ScalingLaws& laws) {
  const Section law = law_section(laws);
  std::string text = as_text(std::span(&law, 1));
  const auto loss = [](double value) { return fixed(value); };
  for (const io::Prediction& p : laws.predictions) {
    text += fmt::format("Optimum for {} FLOP: N = {} {}, D = {} {}, L = {} {}\n",
                        format_flops(p.target_compute),
                        format_count(p.model_size),
                        brackets(p.model_size_range, format_count),
                        format_count(p.num_tokens),
                        brackets(p.num_tokens_range, format_count),
                        fixed(p.loss),
                        brackets(p.loss_range, loss));
  }
  return text + warning_line(laws.warnings);
}

}  // namespace ff::analysis
