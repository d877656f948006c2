// SPDX-License-Identifier: MIT
#pragma once
// The files of one run folder, and the configuration hash that decides whether its result still
// holds.
#include "flops_fit/io/results.h"
#include "flops_fit/io/sweep.h"
#include "flops_fit/train/config.h"
#include "flops_fit/train/run_one.h"

#include <filesystem>
#include <optional>
#include <string>

namespace ff::run {

inline constexpr const char* kResultFile = "result.json";
inline constexpr const char* kLockFile = "lock";

/// Hash of everything that can change the loss: configuration, experiment, data.
[[nodiscard]] std::string config_hash(const train::TrainConfig& config,
                                      const io::Experiment& experiment,
                                      const std::string& data_identity);

[[nodiscard]] std::filesystem::path run_folder(const train::TrainConfig& config,
                                               const std::string& experiment_id);

/// Writes config.yaml and experiment.json. An old result.json stays until the new one replaces it.
void write_request(const train::RunRequest& request);
/// Reads them back. Throws FileError.
[[nodiscard]] train::RunRequest read_request(const std::filesystem::path& run_dir);

void write_result(const std::filesystem::path& run_dir, const io::RunResult& result);
/// The folder's result, of whatever configuration. Throws FileError if it is damaged.
[[nodiscard]] std::optional<io::RunResult> read_result(const std::filesystem::path& run_dir);
/// The folder's result if it is of this configuration; a damaged file counts as none, with a
/// warning.
[[nodiscard]] std::optional<io::RunResult> find_result(const std::filesystem::path& run_dir,
                                                       const std::string& hash);

/// A result that records why an experiment has no loss.
[[nodiscard]] io::RunResult failed_result(const train::RunRequest& request,
                                          const std::string& reason);

}  // namespace ff::run
