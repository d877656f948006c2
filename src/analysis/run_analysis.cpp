// SPDX-License-Identifier: MIT
#include "forecast.h"

#include "flops_fit/analysis/analyze.h"
#include "flops_fit/analysis/input.h"
#include "flops_fit/analysis/lr_transfer.h"
#include "flops_fit/analysis/optimal_configs.h"
#include "flops_fit/analysis/report.h"
#include "flops_fit/config/dump.h"
#include "flops_fit/io/provenance.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/units.h"

#include <filesystem>

namespace ff::analysis {

namespace {

/// Adds when and from what an analysis was made.
template <class Provenance>
void stamp(Provenance& provenance, const AnalyzerConfig& config) {
  provenance.created = utc_timestamp();
  provenance.results_path = config.paths.results;
  provenance.made_by = io::provenance(
      "ff-analyze", config::dump_json(config), {config.paths.results, config.paths.trajectories});
}

AnalysisReport run_laws(const InputData& input, const AnalyzerConfig& config, bool as_json) {
  AnalysisReport output;
  output.laws = analyze(input, config);
  forecast(output.laws, input.runs, config);
  stamp(*output.laws.provenance, config);
  const std::vector<OptimalConfig> configs = config.output.generate_configs
                                                 ? optimal_configs(output.laws, input.runs)
                                                 : std::vector<OptimalConfig>();
  const std::string tables = report(output.laws, configs);
  const std::string markdown = markdown_report(output.laws, configs);
  output.summary = summary(output.laws);
  if (!config.output.save_isoflops) {  // the tables show them in any case
    output.laws.isoflop.clear();
  }
  output.text = as_json ? io::json_text(io::to_json(output.laws), 2) + "\n" : tables;

  const std::filesystem::path folder = config.paths.analysis;
  if (config.output.generate_configs) {
    io::write_json(folder / "optimal_configs.json", to_json(configs));
  }
  if (config.output.save_fit) {
    io::write_laws(folder / "scaling_laws.json", output.laws);
  }
  if (config.output.save_report) {
    write_file_atomically(folder / "report.md", markdown);
  }
  return output;
}

AnalysisReport run_lr_transfer(const std::vector<io::RunResult>& results,
                               const AnalyzerConfig& config,
                               bool as_json) {
  // Not as an initialiser: where one throws, GCC 12 destroys `laws` before it was made.
  AnalysisReport output;
  output.lr_transfer = analyze_lr_transfer(results);
  stamp(output.lr_transfer->provenance, config);
  output.text = as_json ? io::json_text(io::to_json(*output.lr_transfer), 2) + "\n"
                        : report(*output.lr_transfer);
  output.summary = summary(*output.lr_transfer);
  if (config.output.save_fit) {
    io::write_lr_transfer(std::filesystem::path(config.paths.analysis) / "lr_transfer.json",
                          *output.lr_transfer);
  }
  if (config.output.save_report) {
    write_file_atomically(std::filesystem::path(config.paths.analysis) / "report.md",
                          markdown_report(*output.lr_transfer));
  }
  return output;
}

}  // namespace

AnalysisReport run_analysis(const AnalyzerConfig& config, bool as_json) {
  const InputData input = read_input(config);
  std::vector<io::RunResult> results;  // all of the runs, or none
  for (const Run& run : input.runs) {
    if (run.result) {
      results.push_back(*run.result);
    }
  }
  remove_dead_temporaries(config.paths.analysis);
  const bool laws = io::common_sweep_kind(results, config.paths.results) != io::kLrTransferSweep;
  return laws ? run_laws(input, config, as_json) : run_lr_transfer(results, config, as_json);
}

}  // namespace ff::analysis
