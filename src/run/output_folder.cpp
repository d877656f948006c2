// SPDX-License-Identifier: MIT
#include "output_folder.h"

#include "move_folder.h"
#include "run_folder.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <spdlog/spdlog.h>

namespace ff::run {

namespace fs = std::filesystem;

namespace {

/// Makes room for the result. One of a failed attempt goes; one that is damaged, or of another run,
/// is kept under another name.
void clear_result(const fs::path& run_dir, const FolderContent& content) {
  const fs::path result = run_dir / kResultFile;
  std::error_code failure;
  if (content.result) {
    fs::remove(result, failure);
  } else if (fs::symlink_status(result, failure).type() != fs::file_type::not_found) {
    const fs::path aside = free_name(run_dir / (std::string(kResultFile) + ".set-aside"));
    fs::rename(result, aside, failure);
    spdlog::warn("{} does not count; it is now {}", result.string(), aside.filename().string());
  } else {
    return;
  }
  if (failure) {
    throw_system_error(result, "move out of the way", failure.value());
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
  static_cast<void>(TemporaryFile(folder / "runs" / "writable"));  // gone at once
  remove_dead_temporaries(folder);
  remove_dead_temporaries(folder / "runs");
}

void prepare_folder(const train::RunRequest& request) {
  const FolderContent content = read_content(request.run_dir);
  if (!content.blocked.empty()) {
    throw PathError(content.blocked);
  }
  if (!content.nothing && content.config_hash != request.config_hash) {
    throw error<PathError>(
        "{}: something else was put there since the sweep started; start ff-train again once it "
        "is gone.",
        request.run_dir.string());
  }
  refuse_links(request.run_dir);
  remove_dead_temporaries(request.run_dir);
  remove_dead_temporaries(request.run_dir / "checkpoint");
  clear_result(request.run_dir, content);
  write_request(request);
}

}  // namespace ff::run
