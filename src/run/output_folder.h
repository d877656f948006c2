// SPDX-License-Identifier: MIT
#pragma once
// The folder of a sweep's results, before experiments are run in it.
#include "flops_fit/train/config.h"
#include "flops_fit/train/run_one.h"

namespace ff::run {

/// Makes paths.output if need be and tries to write into it, before any time is spent. Throws
/// ConfigError if it is no folder, StorageError and PathError if it cannot be written.
void check_output(const train::TrainConfig& config);

/// Makes the folder of a run that this process has locked ready: what a killed process left half
/// written goes, a checkpoint of this run stays, and config.yaml and experiment.json are written.
/// Throws StorageError, ResourceError, and PathError if the folder cannot be used or holds what is
/// not of this run (arrangement.h has moved away what was there before).
void prepare_folder(const train::RunRequest& request);

}  // namespace ff::run
