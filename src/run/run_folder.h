// SPDX-License-Identifier: MIT
#pragma once
// The files of one run folder, and what can be said of a folder before anything in it is touched.
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
inline constexpr const char* kRequestFile = "experiment.json";

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
/// warning. Throws UnreadableError.
[[nodiscard]] std::optional<io::RunResult> find_result(const std::filesystem::path& run_dir,
                                                       const std::string& hash);

/// What stands in the place of a run, whoever put it there.
struct FolderContent {
  bool nothing = true;  ///< no folder, or one with at most a lock in it
  /// Why nobody can tell what it is, or no run can be kept there; empty if neither.
  std::string blocked;
  std::string config_hash;              ///< of the run that was asked for; empty: not one of ours
  std::optional<io::RunResult> result;  ///< of that run, if it can be read; of this config_hash
  bool older_hash = false;              ///< result.json has the hash of an earlier version
  bool checkpoint = false;              ///< of a run that has not ended
  bool submitted = false;               ///< to a service, which may still want to be polled
};

/// Reads the result and the request only. Throws nothing: what is damaged is not there, and what
/// cannot be read now blocks.
[[nodiscard]] FolderContent read_content(const std::filesystem::path& run_dir);

/// Throws PathError if a symbolic link stands anywhere in the folder: nothing is written through
/// one.
void refuse_links(const std::filesystem::path& run_dir);

/// Makes the result carry this experiment's name and labels (compute_budget, model_size and the
/// like, which do not decide the loss). Whether that changed anything.
bool relabel(io::RunResult& result, const io::Experiment& experiment);

/// A result that records why an experiment has no loss.
[[nodiscard]] io::RunResult failed_result(const train::RunRequest& request,
                                          const std::string& reason);

}  // namespace ff::run
