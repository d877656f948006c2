// SPDX-License-Identifier: MIT
#include "report_parts.h"

#include "flops_fit/plot/markup.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

namespace ff::plot {
namespace {

/// A learning rate as 2<sup>x</sup>.
std::string rate(double learning_rate) {
  const std::string text = format_power_of_two(learning_rate);  // "2^x"
  return to_html("2^{" + text.substr(2) + "}");
}

std::string nats(const std::optional<double>& value) {
  return value ? fmt::format("{:.4f}", *value) : kNone;
}

std::string verdict(const io::LrTransfer& transfer) {
  std::string out = fmt::format(
      "<section class=\"answer\">\n<p class=\"big\">The best learning rate, from width {} to width "
      "{}: <b>{}</b>.</p>\n<ul>\n",
      transfer.curves.front().d_model,
      transfer.curves.back().d_model,
      escape_html(transfer.verdict));
  for (const std::string& reason : transfer.reasons) {
    out += "<li>" + escape_html(reason) + "</li>\n";
  }
  out += "</ul>\n";
  if (transfer.vertex_drift && transfer.vertex_slope) {
    out += fmt::format(
        "<p class=\"note\">The vertex moves by {:+.2f} octaves from the narrowest to the widest "
        "width that has one, {:+.2f} per doubling of width.</p>\n",
        *transfer.vertex_drift,
        *transfer.vertex_slope);
  }
  return out + "</section>\n";
}

std::string widths(const io::LrTransfer& transfer) {
  std::vector<Row> rows;
  for (const io::LrCurve& curve : transfer.curves) {
    rows.push_back({fmt::format("{}", curve.d_model),
                    count(static_cast<double>(curve.model_size)),
                    curve.argmin_learning_rate ? rate(*curve.argmin_learning_rate) : kNone,
                    nats(curve.argmin_loss),
                    nats(curve.regret),
                    curve.vertex_log2 ? rate(std::exp2(*curve.vertex_log2)) : kNone,
                    nats(curve.vertex_loss),
                    nats(curve.vertex_regret),
                    fmt::format("{}", curve.diverged.size()),
                    escape_html(curve.status)});
  }
  return "<h2>Widths</h2>\n<p class=\"note\">Losses in nats/token. Regret: what the learning rate "
         "of the narrowest width (its best trained one, its vertex) costs at this one.</p>\n" +
         table({"Width",
                "Parameters N",
                "Best η trained",
                "Loss there",
                "Regret",
                "η at the vertex",
                "Loss there",
                "Regret",
                "Diverged",
                "Parabola"},
               rows);
}

}  // namespace

std::string lr_transfer_page(const io::LrTransfer& transfer, const ReportContent& content) {
  const io::LrTransferProvenance& p = transfer.provenance;
  const std::string analysed =
      p.created.empty() ? p.program : fmt::format("{}, {}", p.program, p.created);
  const Entries entries = {{"Analysed by", analysed},
                           {"Runs", fmt::format("{} read, {} used", p.runs_read, p.runs_used)}};
  return page("Learning-rate transfer",
              verdict(transfer) + warnings(transfer.warnings, content) + figures(content) +
                  widths(transfer) + times(content) + provenance(entries, content));
}

}  // namespace ff::plot
