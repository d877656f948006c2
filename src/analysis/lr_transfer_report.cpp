// SPDX-License-Identifier: MIT
// An lr_transfer analysis as text, for stdout.
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
std::string loss_table(const io::LrTransfer& transfer) {
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
  return table.text();
}

std::string minimum_table(const io::LrTransfer& transfer) {
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
  return table.text();
}

std::string verdict_lines(const io::LrTransfer& transfer) {
  std::string text = fmt::format("Learning-rate transfer: {}\n", transfer.verdict);
  for (const std::string& reason : transfer.reasons) {
    text += fmt::format("  - {}\n", reason);
  }
  return text;
}

std::string drift_line(const io::LrTransfer& transfer) {
  if (!transfer.vertex_drift) {
    return "  Fewer than two widths have a vertex: its drift is not known.\n";
  }
  return fmt::format(
      "  The vertex moves by {:+.2f} octaves from the narrowest to the widest that has "
      "one, {:+.2f} per doubling of width.\n",
      *transfer.vertex_drift,
      *transfer.vertex_slope);
}

}  // namespace

std::string report(const io::LrTransfer& transfer) {
  std::string text = fmt::format("{} of {} runs used\n\nHeld-out loss [nats/token]; * lowest\n{}",
                                 transfer.provenance.runs_used,
                                 transfer.provenance.runs_read,
                                 loss_table(transfer));
  text +=
      fmt::format("\nMinima; regret: what the narrowest width's eta costs at this one [nats]\n{}{}",
                  minimum_table(transfer),
                  drift_line(transfer));
  text += "\n" + verdict_lines(transfer);
  return text + warning_list(transfer.warnings);
}

std::string summary(const io::LrTransfer& transfer) {
  std::string text = verdict_lines(transfer) + minimum_table(transfer) + drift_line(transfer);
  return text + warning_line(transfer.warnings);
}

}  // namespace ff::analysis
