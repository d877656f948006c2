// SPDX-License-Identifier: MIT
#include "output_folder.h"

#include "run_folder.h"

#include "flops_fit/io/json.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <spdlog/spdlog.h>

namespace ff::run {
namespace {

namespace fs = std::filesystem;

void check(const std::error_code& failure, const fs::path& path, const char* what) {
  if (failure) {
    throw error<StorageError>("{}: cannot {}: {}.", path.string(), what, failure.message());
  }
}

/// What is in a folder, but for the lock: it must stay where it is.
std::vector<fs::path> contents(const fs::path& folder) {
  std::error_code failure;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    if (entry.path().filename() != kLockFile) {
      paths.push_back(entry.path());
    }
  }
  check(failure, folder, "read the folder");
  return paths;
}

void empty(const fs::path& folder) {
  for (const fs::path& path : contents(folder)) {
    std::error_code failure;
    fs::remove_all(path, failure);
    check(failure, path, "remove");
  }
}

/// Moves a completed run out of the way, to <output>/replaced/<id>-<its config_hash>.
void set_aside(const fs::path& run_dir, const std::string& hash) {
  const fs::path target =
      run_dir.parent_path().parent_path() / "replaced" / (run_dir.filename().string() + "-" + hash);
  std::error_code failure;
  fs::remove_all(target, failure);
  fs::create_directories(target, failure);
  check(failure, target, "make the folder");
  for (const fs::path& path : contents(run_dir)) {
    fs::rename(path, target / path.filename(), failure);
    check(failure, path, "move to replaced/");
  }
  spdlog::info(
      "{}: a run of another configuration is now {}", run_dir.filename().string(), target.string());
}

/// The configuration hash of a completed run in the folder; empty if there is none.
std::string completed_hash(const fs::path& run_dir) {
  try {
    const auto result = read_result(run_dir);
    return result && result->completed() ? result->config_hash : std::string();
  } catch (const Error&) {
    return "";  // damaged: find_result() says so
  }
}

/// Whether what is in the folder was asked for by this very request.
bool asked_before(const train::RunRequest& request) {
  if (!fs::exists(request.run_dir / "experiment.json")) {
    return false;
  }
  try {
    return read_request(request.run_dir).config_hash == request.config_hash;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

void check_output(const train::TrainConfig& config) {
  const fs::path folder = config.paths.output;
  std::error_code failure;
  for (fs::path at = fs::absolute(folder); at.has_relative_path(); at = at.parent_path()) {
    if (fs::exists(at, failure) && !fs::is_directory(at, failure)) {
      throw error<ConfigError>(
          "paths.output: {} is a file; results need a folder, so give another output_dir.",
          at.string());
    }
  }
  const fs::path probe = folder / "runs" / ".writable";
  write_file_atomically(probe, "");
  fs::remove(probe, failure);
}

void remove_torn(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.') && name.ends_with(".tmp")) {
      fs::remove(entry.path(), ignored);
    }
  }
}

bool holds_other_run(const train::RunRequest& request) {
  const std::string hash = completed_hash(request.run_dir);
  return !hash.empty() && hash != request.config_hash;
}

void prepare_folder(const train::RunRequest& request) {
  if (holds_other_run(request)) {
    set_aside(request.run_dir, completed_hash(request.run_dir));
  } else if (fs::exists(request.run_dir / "api.json") && !asked_before(request)) {
    set_aside(request.run_dir, "submitted");  // the service's id may still be worth its price
  } else if (!request.config.resume || !asked_before(request)) {
    empty(request.run_dir);
  }
  remove_torn(request.run_dir);
  remove_torn(request.run_dir / "checkpoint");
  std::error_code failure;
  fs::remove(request.run_dir / kResultFile, failure);
  check(failure, request.run_dir / kResultFile, "remove");
  write_request(request);
}

}  // namespace ff::run
