// SPDX-License-Identifier: MIT
#include "cli.h"
#include "stages.h"

#include "flops_fit/io/json.h"
#include "flops_fit/plot/visualize.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace {

ff::ExitCode run(const ff::plot::VisualizerConfig& config, const ff::cli::Context& context) {
  const ff::plot::VisualizeOutcome outcome = ff::plot::visualize(config);
  for (const std::string& problem : outcome.problems) {
    spdlog::warn("{}", problem);
  }
  ff::io::Json written = ff::io::Json::array();
  for (const auto& path : outcome.written) {
    written.push_back(path.string());
    if (!context.json) {
      ff::cli::print_text(path.string() + "\n");
    }
  }
  if (context.json) {
    fmt::print("{}\n",
               ff::io::json_text({{"written", written}, {"problems", outcome.problems}}, 2));
  }
  return outcome.incomplete ? ff::ExitCode::kRuntimeFailure : ff::ExitCode::kOk;
}

}  // namespace

int main(int argc, char** argv) {
  const ff::cli::Program program{
      .name = "ff-visualize",
      .stage = "visualizer",
      .summary =
          "Draws the IsoFLOP curves, the scaling laws (or the learning-rate transfer) and the "
          "training curves of a sweep, and writes a report.",
      .examples = {"ff-visualize",
                   "ff-visualize 'plots.format=[png,pdf]' plots.style=notebook",
                   "ff-visualize 'plots.figures=[isoflops_curves]' plots.dpi=150"},
      .files =
          "reads  paths.results, paths.analysis (scaling_laws.json) or paths.lr_transfer, "
          "paths.runs\n"
          "writes paths.plots/<figure>.{png,svg,pdf,gp,tsv} and paths.report",
      .outputs = {"paths.plots", "paths.report"}};
  return ff::cli::run_program<ff::plot::VisualizerConfig>(
      argc, argv, program, ff::cli::all_stages(), run);
}
