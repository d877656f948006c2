// SPDX-License-Identifier: MIT
#include "flops_fit/cost/run_time.h"
#include "flops_fit/plan/predict.h"
#include "flops_fit/plan/sweep.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <iterator>
#include <vector>

namespace ff::plan {

std::string describe(const Plan& plan, const PlanConfig& config) {
  std::string text;
  auto out = std::back_inserter(text);
  const bool shaped = plan.experiments.front().architecture.has_value();
  // Where it is what the sweep is about.
  const bool with_rate = plan.experiments.front().sweep_kind == io::kLrTransferSweep;
  if (shaped) {
    fmt::format_to(out,
                   "{:<10}{:>8}{:>7}{:>7}{:>9}{:>9}{:>7}{:>8}{:>9}{}{:>6}{:>9}\n",
                   "experiment",
                   "C",
                   "width",
                   "layers",
                   "N",
                   "D",
                   "D/N",
                   "steps",
                   "batch",
                   with_rate ? fmt::format("{:>9}", "eta") : "",
                   "seed",
                   "time");
  } else {
    fmt::format_to(
        out, "{:<10}{:>8}{:>9}{:>9}{:>9}{:>6}\n", "experiment", "C", "N", "D", "D/N", "seed");
  }
  double total_flops = 0.0;
  for (const io::Experiment& e : plan.experiments) {
    total_flops += e.planned_flops;
    const auto size = format_count(static_cast<double>(e.model_size));
    const auto tokens = format_count(static_cast<double>(e.num_tokens));
    if (shaped) {
      fmt::format_to(out,
                     "{:<10}{:>8}{:>7}{:>7}{:>9}{:>9}{:>7.1f}{:>8}{:>9}{}{:>6}{:>9}\n",
                     e.experiment_id,
                     format_flops(e.compute_budget),
                     e.architecture->d_model,
                     e.architecture->num_layers,
                     size,
                     tokens,
                     e.tokens_per_param,
                     e.num_steps,
                     e.batch_size * e.architecture->seq_len,
                     with_rate ? fmt::format("{:>9.4g}", e.learning_rate) : "",
                     e.seed,
                     plan.prediction ? format_duration(e.predicted_seconds) : "-");
    } else {
      fmt::format_to(out,
                     "{:<10}{:>8}{:>9}{:>9}{:>9.2f}{:>6}\n",
                     e.experiment_id,
                     format_flops(e.compute_budget),
                     size,
                     tokens,
                     e.tokens_per_param,
                     e.seed);
    }
  }
  fmt::format_to(
      out, "\n{} experiments, {} FLOPs", plan.experiments.size(), format_flops(total_flops));
  if (plan.prediction) {
    std::vector<double> runs;
    for (const io::Experiment& e : plan.experiments) {
      runs.push_back(e.predicted_seconds);
    }
    const int64_t cores = training_cores(config);
    const int64_t measured = plan.prediction->cores_measured;
    fmt::format_to(out,
                   ", about {} on {} core{} (speed measured on {})",
                   format_duration(cost::sweep_seconds(runs, cores)),
                   cores,
                   cores > 1 ? "s" : "",
                   measured == cores ? "this machine" : fmt::format("{} here", measured));
  }
  fmt::format_to(out, "\n");
  return text;
}

}  // namespace ff::plan
