// SPDX-License-Identifier: MIT
// results.json, as ff-visualize and ff-analyze take it.
#include "support.h"
#include "targets.h"

#include "flops_fit/analysis/lr_transfer.h"
#include "flops_fit/analysis/runs.h"
#include "flops_fit/io/results.h"
#include "flops_fit/io/run_times.h"
#include "flops_fit/plot/figures.h"

void ff::fuzz::results_json(const uint8_t* data, size_t size) {
  const auto path = file_of("results.json", text_of(data, size));
  std::vector<io::RunResult> results;
  if (!accepts([&] { results = io::read_results(path); })) {
    return;
  }
  for (const io::RunResult& result : results) {
    const io::Json json = io::to_json(result);
    const io::Json again = io::to_json(io::result_from_json(json, "again"));
    require(json.dump() == again.dump(), "a result survives writing and reading");
  }
  accepts([&] { (void)io::common_sweep_kind(results, "results.json"); });
  accepts([&] { (void)analysis::prepare_runs(results, {}); });
  accepts([&] { (void)io::run_times(results, {}); });
  if (!results.empty() && results[0].sweep_kind == io::kLrTransferSweep) {
    accepts([&] { (void)analysis::analyze_lr_transfer(results); });
  }
}
