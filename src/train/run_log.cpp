// SPDX-License-Identifier: MIT
#include "run_log.h"

#include "flops_fit/util/error.h"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstring>

namespace ff::train {
namespace {

namespace fs = std::filesystem;

/// Cuts the file to `bytes`, and returns how long it is then.
int64_t cut_to(const fs::path& path, int64_t bytes) {
  std::error_code missing;
  const auto size = static_cast<int64_t>(fs::file_size(path, missing));
  if (missing || size < bytes) {
    if (bytes > 0) {
      spdlog::warn("{}: shorter than at the last checkpoint; earlier lines are lost.",
                   path.string());
    }
    return missing ? 0 : size;
  }
  std::error_code failure;
  fs::resize_file(path, static_cast<uintmax_t>(bytes), failure);
  if (failure) {
    throw error<StorageError>("{}: cannot cut: {}.", path.string(), failure.message());
  }
  return bytes;
}

}  // namespace

RunLog::RunLog(const fs::path& run_dir, int64_t bytes, int64_t step)
    : path_(run_dir / "metrics.jsonl"),
      bytes_(cut_to(path_, bytes)),
      lines_(path_, std::ios::app),
      events_(run_dir, step) {}

void RunLog::write(const io::MetricsLine& line) {
  const std::string text = io::to_json_line(line) + "\n";
  errno = 0;
  lines_ << text << std::flush;
  if (line.train_loss) {
    events_.scalar("train/loss", line.step, static_cast<float>(*line.train_loss));
    events_.scalar("train/learning_rate", line.step, static_cast<float>(line.lr));
  }
  if (line.eval_loss) {
    events_.scalar("validation/loss", line.step, static_cast<float>(*line.eval_loss));
  }
  if (!lines_ || !events_.good()) {
    throw error<StorageError>("{}: cannot write: {}.", path_.string(), std::strerror(errno));
  }
  bytes_ += static_cast<int64_t>(text.size());
}

}  // namespace ff::train
