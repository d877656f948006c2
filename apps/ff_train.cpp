// SPDX-License-Identifier: MIT
#include "cli.h"
#include "stages.h"

#include "flops_fit/api/check.h"
#include "flops_fit/config/dump.h"
#include "flops_fit/io/json.h"
#include "flops_fit/io/run_times.h"
#include "flops_fit/model/describe.h"
#include "flops_fit/run/sweep_runner.h"
#include "flops_fit/train/config.h"
#include "flops_fit/train/coord_check.h"
#include "flops_fit/train/doctor.h"
#include "flops_fit/train/model_config.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

ff::ExitCode show_parametrization(const ff::train::TrainConfig& config, bool as_json) {
  const auto arch = ff::train::configured_architecture(config);
  const auto p = ff::model::make_parametrization(arch, ff::train::parametrization_options(config));
  const auto tuning = ff::train::tuning_of(config, 1.0, arch.num_layers);
  const ff::model::Tuned tuned{.learning_rate = tuning.learning_rate,
                               .weight_decay = tuning.weight_decay};
  for (const std::string& note : ff::train::conversion_notes(config)) {
    spdlog::warn("{}", note);
  }
  ff::cli::print_text(as_json ? ff::model::to_json(p, tuned).dump(2) + "\n" : describe(p, tuned));
  return ff::ExitCode::kOk;
}

ff::ExitCode coord_check(const ff::train::TrainConfig& config, bool as_json) {
  ff::train::enter_worker_environment();
  const ff::train::CoordReport report = ff::train::run_coord_check(config);
  ff::cli::print_text(as_json ? report.json.dump(2) + "\n" : report.text);
  return report.passed ? ff::ExitCode::kOk : ff::ExitCode::kRuntimeFailure;
}

ff::ExitCode doctor(const ff::train::TrainConfig& config, bool as_json) {
  ff::train::enter_worker_environment();
  const ff::train::DoctorFacts facts = ff::train::examine(config);
  ff::cli::print_text(as_json ? doctor_json(facts).dump(2) + "\n" : doctor_text(facts));
  return ff::ExitCode::kOk;
}

ff::ExitCode list_parametrizations() {
  for (const ff::model::ParametrizationEntry& entry : ff::model::parametrizations()) {
    fmt::print("{:<12}{}\n", entry.name, entry.help);
  }
  return ff::ExitCode::kOk;
}

/// " (all runs added up: 3m 51s, 3m 40s predicted)", over all completed runs of the sweep; empty if
/// none has a prediction.
std::string time_check(const ff::train::TrainConfig& config) {
  try {
    const auto times = ff::io::run_times(
        ff::io::read_results(std::filesystem::path(config.paths.output) / "results.json"),
        ff::io::read_sweep(config.paths.sweep));
    if (times.empty()) {
      return "";
    }
    const ff::io::RunTime total = ff::io::total_time(times);
    return fmt::format(" (all runs added up: {}, {} predicted)",
                       ff::format_duration(total.actual_s),
                       ff::format_duration(total.predicted_s));
  } catch (const ff::FileError&) {
    return "";  // nothing could be written, which was said
  }
}

/// " (2.3e13 training FLOPs, 98.1G FLOP/s, 45% of the peak of 2 cores)"; nothing if none trained.
std::string speed_of(const ff::run::SweepOutcome& outcome) {
  if (outcome.training_flops <= 0) {
    return "";
  }
  return fmt::format(" ({} training FLOPs, {} FLOP/s{})",
                     ff::format_flops(outcome.training_flops),
                     ff::format_count(outcome.flops_per_s),
                     outcome.mfu ? fmt::format(", {:.0f}% of the peak of {} core{}",
                                               100.0 * *outcome.mfu,
                                               outcome.cores,
                                               outcome.cores == 1 ? "" : "s")
                                 : "");
}

ff::ExitCode run(const ff::train::TrainConfig& config, const ff::cli::Context& context) {
  if (context.has("list-parametrizations")) {
    return list_parametrizations();
  }
  if (context.has("show-parametrization")) {
    return show_parametrization(config, context.json);
  }
  if (context.has("coord-check")) {
    return coord_check(config, context.json);
  }
  if (context.has("doctor")) {
    return doctor(config, context.json);
  }
  ff::install_stop_handlers();
  if (config.mode != "api" && !config.api.key_env.empty()) {
    ::unsetenv(config.api.key_env.c_str());  // nobody that is started here needs the service's key
  }
  const ff::run::SweepOutcome outcome =
      context.has("collect")
          ? ff::run::collect_results(config)
          : ff::run::run_sweep(config,
                               {.show_progress = context.verbosity != ff::Verbosity::kQuiet,
                                .dry_run = context.dry_run});
  if (context.json) {
    const ff::io::Json json = {{"kept", outcome.kept},
                               {"completed", outcome.completed},
                               {"failed", outcome.failed},
                               {"diverged", outcome.diverged},
                               {"left", outcome.left},
                               {"wall_time_seconds", outcome.wall_s},
                               {"training_flops", outcome.training_flops},
                               {"flops_per_s", outcome.flops_per_s},
                               {"mfu", ff::io::number_or_null(outcome.mfu)}};
    fmt::print("{}\n", json.dump(2));
  } else if (!context.dry_run) {
    ff::cli::print_text(
        fmt::format("{} completed, {} kept, {} failed{}{} in {}{}{}: {}/results.json\n",
                    outcome.completed,
                    outcome.kept,
                    outcome.failed,
                    outcome.diverged > 0 ? fmt::format(", {} diverged", outcome.diverged) : "",
                    outcome.left > 0 ? fmt::format(", {} left", outcome.left) : "",
                    ff::format_duration(outcome.wall_s),
                    speed_of(outcome),
                    time_check(config),
                    config.paths.output));
  }
  if (outcome.signal != 0) {
    return static_cast<ff::ExitCode>(128 + outcome.signal);
  }
  const bool all_done =
      outcome.failed + outcome.diverged == 0 && (outcome.left == 0 || context.dry_run);
  return all_done ? ff::ExitCode::kOk : ff::ExitCode::kSomeFailed;
}

/// What goes to a service by name of a variable must not stand in the files that say how a call was
/// made (hydra.output_subdir), though the call itself is refused.
void refuse_key(const ff::train::TrainConfig& config, const std::vector<std::string>& overrides) {
  if (config.mode == "api") {
    ff::api::refuse_key_in_call(config.api, ff::config::dump_node(config), overrides);
  }
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
    ff::open_standard_descriptors();
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
                   "ff-train mode=mock mock.noise=0",
                   "ff-train run.shard=0/4",
                   "ff-train --collect",
                   "ff-train --config-name=presets/cs336_2024",
                   "ff-train --show-parametrization model.d_model=256",
                   "ff-train --doctor",
                   "ff-train --coord-check widths=[32,64,128] model.parametrization=sp"},
      .files =
          "reads  paths.sweep (outputs/sweep.json)\n"
          "writes paths.output/results.json and paths.output/runs/<id>/ (config.yaml, "
          "experiment.json, metrics.jsonl, result.json, TensorBoard events; api.json with "
          "mode=api)",
      .outputs = {"paths.output"},
      .has_dry_run = true,
      .extra_flags = {
          {.name = "show-parametrization",
           .doc = "Print every tensor's scales, learning rate and decay for the model model.*."},
          {.name = "coord-check",
           .doc =
               "Check that activations move alike at every width (coord_check.*); exit 1 if not.",
           .section = "coord_check"},
          {.name = "doctor",
           .doc =
               "Measure this machine and how fast it would train the model model.*, and say what "
               "costs speed and how to cure it. Exit 0, whatever is found."},
          {.name = "collect",
           .doc = "Make results.json anew from the run folders, as a job array or several machines "
                  "left them, and train nothing."},
          {.name = "list-parametrizations", .doc = "Print what model.parametrization can be."}}};
  return ff::cli::run_program<ff::train::TrainConfig>(
      argc, argv, program, ff::cli::all_stages(), run, refuse_key);
}
