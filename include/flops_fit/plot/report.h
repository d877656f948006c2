// SPDX-License-Identifier: MIT
#pragma once
// report.html: the answer, its evidence and its doubts on one page. Self-contained: inline SVG and
// CSS, no script, no request to anywhere; readable on a phone, printable.
#include "flops_fit/io/run_times.h"
#include "flops_fit/plot/figures.h"

#include <string>
#include <vector>

namespace ff::plot {

/// One figure of the report. With several panels each is a picture of its own, so that a narrow
/// screen can stack them.
struct ReportFigure {
  Figure figure;
  std::vector<std::string> svg;  ///< from inline_svg(); empty where it could not be drawn
  std::string problem;           ///< why not
};

struct ReportContent {
  std::vector<ReportFigure> figures;
  std::vector<io::RunTime> times;     ///< predicted and actual, of the runs that have both
  std::vector<std::string> problems;  ///< figures that were not drawn, and why
  std::string results_path, analysis_path;
  std::string created;  ///< ISO 8601
};

[[nodiscard]] std::string report_html(const FigureInputs& inputs, const ReportContent& content);

/// Draws every panel as SVG, ready to stand inside an HTML page: no XML prolog, no namespaces (HTML
/// needs none), identifiers made unique with the figure's name. On failure `problem` is set.
[[nodiscard]] ReportFigure inline_svg(const Figure& figure);

}  // namespace ff::plot
