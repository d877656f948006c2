// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/analyze.h"
#include "flops_fit/analysis/optimal_configs.h"
#include "flops_fit/analysis/report.h"
#include "flops_fit/util/units.h"

#include <filesystem>

namespace ff::analysis {

AnalysisReport run_analysis(const AnalyzerConfig& config, bool as_json) {
  const std::vector<io::RunResult> results = io::read_results(config.paths.results);
  AnalysisReport output{.laws = analyze(results, config), .text = "", .summary = ""};
  output.laws.provenance->created = utc_timestamp();
  output.laws.provenance->results_path = config.paths.results;
  const std::vector<OptimalConfig> configs = config.output.generate_configs
                                                 ? optimal_configs(output.laws, results)
                                                 : std::vector<OptimalConfig>();
  const std::string tables = report(output.laws, configs);
  output.summary = summary(output.laws);
  if (!config.output.save_isoflops) {  // the tables show them in any case
    output.laws.isoflop.clear();
  }
  output.text = as_json ? io::to_json(output.laws).dump(2) + "\n" : tables;

  const std::filesystem::path folder = config.paths.analysis;
  if (config.output.generate_configs) {
    io::write_json(folder / "optimal_configs.json", to_json(configs));
  }
  if (config.output.save_fit) {
    io::write_laws(folder / "scaling_laws.json", output.laws);
  }
  return output;
}

}  // namespace ff::analysis
