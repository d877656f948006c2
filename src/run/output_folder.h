// SPDX-License-Identifier: MIT
#pragma once
// The folder of a sweep's results, before and while experiments are run in it.
#include "flops_fit/train/config.h"
#include "flops_fit/train/run_one.h"

#include <filesystem>

namespace ff::run {

/// Makes paths.output if need be and tries to write into it, before any time is spent. Throws
/// ConfigError if it is no folder, StorageError if it cannot be written.
void check_output(const train::TrainConfig& config);

/// Removes files that a killed process was writing. Nobody else may be writing in the folder.
void remove_torn(const std::filesystem::path& folder);

/// Whether the run folder holds a completed run of another configuration.
[[nodiscard]] bool holds_other_run(const train::RunRequest& request);

/// Makes the folder of a run that this process has locked ready: what a killed process left half
/// written goes, a run of another configuration that was completed or submitted to a service is
/// moved to <output>/replaced, a
/// checkpoint of this one stays if the sweep resumes; then config.yaml and experiment.json are
/// written. Throws StorageError.
void prepare_folder(const train::RunRequest& request);

}  // namespace ff::run
