// SPDX-License-Identifier: MIT
#include "cli.h"
#include "stages.h"

#include "flops_fit/plan/sweep.h"
#include "flops_fit/train/config.h"

#include <fmt/format.h>

int main(int argc, char** argv) {
  const ff::cli::Program program{
      .name = "ff-plan",
      .stage = "planner",
      .summary =
          "Lays out a sweep: which models to train, and on how many tokens, at each compute "
          "budget; "
          "or which widths at which learning rates.",
      .examples = {"ff-plan --config-name=presets/cpu_fast",
                   "ff-plan 'compute.budgets=[1e11,3e11,1e12]' compute.num_model_sizes=7",
                   "ff-plan dataset.path=my_text.txt plan.seeds=2 output_dir=outputs/mine",
                   "ff-plan sweep.kind=lr_transfer 'sweep.widths=[32,128]' output_dir=outputs/lr"},
      .files =
          "reads  plan.prior.laws (a scaling_laws.json), if given\n"
          "writes output.sweep_path (outputs/sweep.json), and ~/.cache/flops-fit/speed.json: how "
          "fast this machine trains",
      .outputs = {"output.sweep_path"}};
  return ff::cli::run_program<ff::plan::PlanConfig>(
      argc,
      argv,
      program,
      ff::cli::all_stages(),
      [](const ff::plan::PlanConfig& config, const ff::cli::Context& context) {
        // ff-train's keys are not known here; what it evaluates on by default is.
        const std::string report =
            ff::plan::run_plan(config,
                               {.as_json = context.json,
                                .evaluation_tokens = ff::train::EvaluationSection{}.tokens,
                                .speed = {.cache = ff::engine::default_speed_cache()}});
        if (context.json) {
          fmt::print("{}", report);
        } else {
          ff::cli::print_text(report);
        }
        return ff::ExitCode::kOk;
      });
}
