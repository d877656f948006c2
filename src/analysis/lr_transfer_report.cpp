// SPDX-License-Identifier: MIT
// An lr_transfer analysis as text for stdout and as Markdown for report.md.
#include "text_table.h"

#include "flops_fit/analysis/lr_transfer.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

namespace ff::analysis {
namespace {

std::string number(const std::optional<double>& value, const char* none = "-") {
  return value ? fmt::format("{:.4f}", *value) : none;
}

/// The mean losses, one row per learning rate, one column per width; * marks each width's lowest.
Table loss_table(const io::LrTransfer& transfer) {
  std::set<double> grid;
  std::vector<std::string> head = {"eta"};
  for (const io::LrCurve& curve : transfer.curves) {
    head.push_back(fmt::format("width {} ", curve.d_model));
    grid.insert(curve.diverged.begin(), curve.diverged.end());
    for (const io::LrPoint& point : curve.points) {
      grid.insert(point.learning_rate);
    }
  }
  Table table(head);
  for (const double rate : grid) {
    std::vector<std::string> row = {format_power_of_two(rate)};
    for (const io::LrCurve& curve : transfer.curves) {
      std::string cell = "- ";
      if (std::count(curve.diverged.begin(), curve.diverged.end(), rate) > 0) {
        cell = "diverged ";
      }
      for (const io::LrPoint& point : curve.points) {
        if (point.learning_rate == rate) {
          cell = number(point.loss) + (rate == curve.argmin_learning_rate ? "*" : " ");
        }
      }
      row.push_back(cell);
    }
    table.add(std::move(row));
  }
  return table;
}

Table minimum_table(const io::LrTransfer& transfer) {
  Table table({"width", "N", "argmin eta", "loss", "regret", "vertex eta", "loss", "regret"});
  for (const io::LrCurve& curve : transfer.curves) {
    table.add({std::to_string(curve.d_model),
               format_count(static_cast<double>(curve.model_size)),
               curve.argmin_learning_rate ? format_power_of_two(*curve.argmin_learning_rate) : "-",
               number(curve.argmin_loss),
               number(curve.regret),
               curve.vertex_log2 ? fmt::format("2^{:.2f}", *curve.vertex_log2) : "-",
               number(curve.vertex_loss),
               number(curve.vertex_regret)});
  }
  return table;
}

Section verdict_section(const io::LrTransfer& transfer) {
  Section section{.title = fmt::format("Learning-rate transfer: {}", transfer.verdict),
                  .blocks = {}};
  section.add(List{transfer.reasons});
  return section;
}

std::string drift_line(const io::LrTransfer& transfer) {
  if (!transfer.vertex_drift) {
    return "Fewer than two widths have a vertex: its drift is not known.";
  }
  return fmt::format(
      "The vertex moves by {:+.2f} octaves from the narrowest to the widest that has "
      "one, {:+.2f} per doubling of width.",
      *transfer.vertex_drift,
      *transfer.vertex_slope);
}

std::vector<Section> sections_of(const io::LrTransfer& transfer) {
  Section losses{.title = "Held-out loss [nats/token]; * lowest", .blocks = {}};
  losses.add(loss_table(transfer));
  losses.add(fmt::format(
      "{} of {} runs used", transfer.provenance.runs_used, transfer.provenance.runs_read));
  Section minima{.title = "Minima; regret: what the narrowest width's eta costs at this one [nats]",
                 .blocks = {}};
  minima.add(minimum_table(transfer));
  minima.add(drift_line(transfer));
  return {losses, minima, verdict_section(transfer), warning_section(transfer.warnings)};
}

}  // namespace

std::string report(const io::LrTransfer& transfer) {
  return as_text(sections_of(transfer));
}

std::string markdown_report(const io::LrTransfer& transfer) {
  return as_markdown("Learning-rate transfer", sections_of(transfer));
}

std::string summary(const io::LrTransfer& transfer) {
  Section section = verdict_section(transfer);
  section.add(minimum_table(transfer));
  section.add(drift_line(transfer));
  return as_text(std::span(&section, 1)) + warning_line(transfer.warnings);
}

}  // namespace ff::analysis
