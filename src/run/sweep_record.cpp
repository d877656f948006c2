// SPDX-License-Identifier: MIT
#include "sweep_record.h"

#include "run_folder.h"

#include "flops_fit/train/checkpoint.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

namespace ff::run {

bool SweepRecord::stopping() const {
  return stop_signal() != 0 || stop_reason;
}

void SweepRecord::stop(const std::string& reason) {
  if (!stop_reason) {
    stop_reason = reason;
  }
}

std::string SweepRecord::share() const {
  return fmt::format("{}/{}",
                     jobs.kept() + jobs.kept_diverged() + jobs.failed_elsewhere() +
                         counts.completed + counts.failed + counts.diverged,
                     jobs.size());
}

void SweepRecord::save(const train::RunRequest& request, const io::RunResult& result) {
  try {
    write_result(request.run_dir, result);
  } catch (const PathError& problem) {
    spdlog::warn("{} The result stands in results.json alone.", problem.what());
    results.add_unsaved(result);
  }
  add(request, result);
}

void SweepRecord::add_failure(const train::RunRequest& request, const std::string& reason) {
  save(request, failed_result(request, reason));
}

void SweepRecord::add_failure(const UnusableFolder& failed) {
  const io::RunResult result = failed_result(failed.request, failed.reason);
  results.add_unsaved(result);
  add(failed.request, result);
}

void SweepRecord::add(const train::RunRequest& request, const io::RunResult& result) {
  progress.clear();
  if (result.completed()) {
    ++counts.completed;
  } else {
    ++(result.status == io::kDiverged ? counts.diverged : counts.failed);
    spdlog::warn("{} {}: {}", result.experiment_id, result.status, result.error_message);
  }
  if (result.status != io::kFailed) {
    train::remove_checkpoint(request.run_dir);
  }
  results.write_soon();
  if (result.completed() && log_each) {
    spdlog::info("[{}] {}  C {}  N {}  loss {:.4f}  {}{}",
                 share(),
                 result.experiment_id,
                 format_flops(result.compute_budget),
                 format_count(static_cast<double>(result.model_size)),
                 *result.final_loss,
                 format_duration(result.wall_time_s),
                 result.mfu ? fmt::format("  mfu {:.0f}%", 100.0 * *result.mfu) : "");
  }
}

}  // namespace ff::run
