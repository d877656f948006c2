// SPDX-License-Identifier: MIT
#include "cli.h"
#include "stages.h"

#include "flops_fit/io/json.h"
#include "flops_fit/run/sweep_runner.h"
#include "flops_fit/train/config.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <string_view>

namespace {

ff::ExitCode run(const ff::train::TrainConfig& config, const ff::cli::Context& context) {
  ff::install_stop_handlers();
  const ff::run::SweepOutcome outcome = ff::run::run_sweep(
      config,
      {.show_progress = context.verbosity != ff::Verbosity::kQuiet, .dry_run = context.dry_run});
  if (context.json) {
    const ff::io::Json json = {{"kept", outcome.kept},
                               {"completed", outcome.completed},
                               {"failed", outcome.failed},
                               {"left", outcome.left},
                               {"wall_time_seconds", outcome.wall_s}};
    fmt::print("{}\n", json.dump(2));
  } else if (!context.dry_run) {
    fmt::print("{} completed, {} kept, {} failed{} in {}: {}/results.json\n",
               outcome.completed,
               outcome.kept,
               outcome.failed,
               outcome.left > 0 ? fmt::format(", {} left", outcome.left) : "",
               ff::format_duration(outcome.wall_s),
               config.paths.output);
  }
  if (outcome.signal != 0) {
    return static_cast<ff::ExitCode>(128 + outcome.signal);
  }
  return outcome.failed > 0 ? ff::ExitCode::kSomeFailed : ff::ExitCode::kOk;
}

/// A worker has no command line of its own to parse: its folder says all.
int worker(const char* run_dir) {
  try {
    ff::init_logging(ff::Verbosity::kQuiet);
    return ff::run::run_worker(run_dir);
  } catch (const std::exception& problem) {
    spdlog::error("{}: {}", run_dir, problem.what());
    return static_cast<int>(ff::ExitCode::kRuntimeFailure);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--worker") {
    return worker(argv[2]);
  }
  const ff::cli::Program program{
      .name = "ff-train",
      .stage = "trainer",
      .summary =
          "Trains every model of a sweep, as many at once as there are cores, and records "
          "their held-out losses.",
      .examples = {"ff-train --config-name=presets/cpu_fast",
                   "ff-train --dry-run",
                   "ff-train mode=mock mock.noise=0"},
      .files =
          "reads  paths.sweep (outputs/sweep.json)\n"
          "writes paths.output/results.json and paths.output/runs/<id>/ (config.yaml, "
          "experiment.json, metrics.jsonl, result.json, TensorBoard events)",
      .has_dry_run = true};
  return ff::cli::run_program<ff::train::TrainConfig>(
      argc, argv, program, ff::cli::all_stages(), run);
}
