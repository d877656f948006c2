// SPDX-License-Identifier: MIT
#include "cli.h"
#include "stages.h"

#include "flops_fit/analysis/analyze.h"

#include <fmt/format.h>

int main(int argc, char** argv) {
  const ff::cli::Program program{
      .name = "ff-analyze",
      .stage = "analyzer",
      .summary =
          "Fits scaling laws to the losses of a sweep, says how sure it is, and predicts the "
          "optimum at larger budgets; or says whether the learning rate transfers across widths.",
      .examples = {"ff-analyze",
                   "ff-analyze target_compute=[1e15,1e17] fitting.method=quadratic",
                   "ff-analyze paths.results=results.json bootstrap.replicates=4000 --json",
                   "ff-analyze paths.results=runs.csv input.columns.loss=c4_loss "
                   "'input.filter=[corpus=c4,lr<0.01]'"},
      .files =
          "reads  paths.results (outputs/results.json; any CSV, JSONL or JSON table of runs), and "
          "the runs'\n       training curves if they are there (paths.trajectories)\n"
          "writes paths.analysis/scaling_laws.json, optimal_configs.json and report.md; for an "
          "lr_transfer\n       sweep paths.analysis/lr_transfer.json and report.md",
      .outputs = {"paths.analysis"},
      .extra_flags = {{.name = "summary",
                       .doc = "Print only the law and the predicted optima, or the verdict."}}};
  return ff::cli::run_program<ff::analysis::AnalyzerConfig>(
      argc,
      argv,
      program,
      ff::cli::all_stages(),
      [](const ff::analysis::AnalyzerConfig& config, const ff::cli::Context& context) {
        const ff::analysis::AnalysisReport report =
            ff::analysis::run_analysis(config, context.json);
        if (context.json && !context.has("summary")) {
          fmt::print("{}", report.text);
        } else {
          ff::cli::print_text(context.has("summary") ? report.summary : report.text);
        }
        return ff::ExitCode::kOk;
      });
}
