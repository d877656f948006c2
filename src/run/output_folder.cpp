// SPDX-License-Identifier: MIT
#include "output_folder.h"

#include "run_folder.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

namespace ff::run {

namespace fs = std::filesystem;

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
  remove_dead_temporaries(folder);
  remove_dead_temporaries(folder / "runs");
}

void prepare_folder(const train::RunRequest& request) {
  const FolderContent content = read_content(request.run_dir);
  if (!content.blocked.empty()) {
    throw error<PathError>("{}: {}; a run needs a folder of its own there, so move it away.",
                           request.run_dir.string(),
                           content.blocked);
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
  const fs::path result = request.run_dir / kResultFile;
  std::error_code failure;
  if (fs::remove(result, failure); failure) {
    throw_system_error(result, "remove", failure.value());
  }
  write_request(request);
}

}  // namespace ff::run
