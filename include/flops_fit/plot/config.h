// SPDX-License-Identifier: MIT
#pragma once
// The configuration of ff-visualize. Key names are the Python tool's, and ours.
#include "flops_fit/config/field.h"

#include <string>
#include <vector>

namespace ff::plot {

struct VisualizerPaths {
  std::string sweep = "${output_dir}/sweep.json";
  std::string results = "${output_dir}/results.json";
  std::string analysis = "${output_dir}/analysis/scaling_laws.json";
  std::string lr_transfer = "${output_dir}/analysis/lr_transfer.json";
  std::string plots = "${output_dir}/plots";
  std::string runs = "${output_dir}/runs";
  std::string report = "${output_dir}/report.html";

  template <class V>
  void visit(V& v) {
    v("sweep",
      sweep,
      {.doc = "The plan, for predicted times that the results do not hold; may be missing.",
       .identity = false});
    v("results",
      results,
      {.doc = "Losses of the runs, as ff-train wrote them.", .identity = false});
    v("analysis", analysis, {.doc = "Scaling laws, as ff-analyze wrote them.", .identity = false});
    v("lr_transfer",
      lr_transfer,
      {.doc = "What ff-analyze wrote in its place for an lr_transfer sweep.", .identity = false});
    v("plots",
      plots,
      {.doc = "Folder for the pictures, their data (.tsv) and their scripts (.gp).",
       .identity = false});
    v("runs",
      runs,
      {.doc = "Folder with metrics.jsonl of each run, for the loss curves.", .identity = false});
    v("report", report, {.doc = "The HTML report; empty = none.", .identity = false});
  }
};

struct PlotOptions {
  std::string style = "paper";
  bool show = false;
  std::vector<std::string> format = {"png"};
  int dpi = 300;
  std::vector<std::string> figures;

  template <class V>
  void visit(V& v) {
    v("style",
      style,
      {.doc = "paper (3.3 or 7 in wide, small type) or notebook (large, with titles).",
       .choices = {"paper", "notebook"},
       .identity = false});
    v("show", show, {.doc = "Open the pictures when they are written.", .identity = false});
    v("format",
      format,
      {.doc = "Picture formats, one or a list: [png, pdf].",
       .choices = {"png", "svg", "pdf"},
       .identity = false});
    v("dpi",
      dpi,
      {.doc = "Resolution of PNG pictures.",
       .unit = "dots per inch",
       .min = 50,
       .max = 2400,
       .identity = false});
    v("figures",
      figures,
      {.doc = "Names of the figures to draw; [] = all that suit the kind of sweep.",
       .identity = false});
  }
};

struct VisualizerConfig {
  std::string output_dir = "outputs";
  std::string roofline;
  VisualizerPaths paths;
  PlotOptions plots;

  template <class V>
  void visit(V& v) {
    v("output_dir", output_dir, {.doc = "Folder of the whole study.", .identity = false});
    v("roofline",
      roofline,
      {.doc =
           "A timing that `ff-roofline time --output FILE` wrote: its roofline is drawn, in place "
           "of the study; there is no report then. Empty = none.",
       .identity = false});
    v("paths", paths, {.doc = "Where files are."});
    v("plots", plots, {.doc = "What is drawn, and how."});
  }
};

/// Throws ConfigError (value, rule, remedy) for an unknown figure, or no format at all.
void check(const VisualizerConfig& config);

}  // namespace ff::plot
