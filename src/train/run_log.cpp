// SPDX-License-Identifier: MIT
#include "run_log.h"

#include "flops_fit/util/error.h"

#include <spdlog/spdlog.h>

namespace ff::train {

RunLog::RunLog(const std::filesystem::path& run_dir, int64_t bytes, int64_t step)
    : lines_(run_dir / "metrics.jsonl"), events_(run_dir, step) {
  if (bytes < 0) {
    throw error<Error>("{}: the checkpoint says that it had {} bytes; remove the checkpoint.",
                       lines_.path().string(),
                       bytes);
  }
  // A line that was cut through, by whatever changed the file, would spoil the next one.
  const int64_t whole = lines_.whole_lines(bytes);
  if (whole < bytes) {
    spdlog::warn("{}: not as it was at the last checkpoint ({} bytes); the log has a gap.",
                 lines_.path().string(),
                 bytes);
  }
  lines_.cut(whole);
}

void RunLog::write(const io::MetricsLine& line) {
  lines_.append(io::to_json_line(line) + "\n");
  if (line.train_loss) {
    events_.scalar("train/loss", line.step, static_cast<float>(*line.train_loss));
    events_.scalar("train/learning_rate", line.step, static_cast<float>(line.lr));
  }
  if (line.eval_loss) {
    events_.scalar("validation/loss", line.step, static_cast<float>(*line.eval_loss));
  }
}

}  // namespace ff::train
