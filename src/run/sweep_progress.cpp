// SPDX-License-Identifier: MIT
#include "sweep_progress.h"

#include "flops_fit/util/units.h"

#include <cmath>

namespace ff::run {

double SweepProgress::elapsed_s() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

std::optional<double> SweepProgress::share_of_peak(double flops_per_s) const {
  return peak_ > 0 ? std::optional(flops_per_s / peak_) : std::nullopt;
}

void SweepProgress::show(const std::string& counts,
                         double queued_cost,
                         std::span<const Running> running) {
  if (running.empty()) {
    return;
  }
  Work work = done_;
  double left = queued_cost;
  for (const Running& worker : running) {
    work += worker.work();
    left += worker.left();
  }
  const double elapsed = elapsed_s();
  const double rate = work.flops / elapsed;
  const auto share = share_of_peak(rate);
  const train::RunProgress& first = running.front().process().progress();
  // After 1% of the way the speed is known well enough to say when it ends.
  const bool settled = work.cost > 0.01 * total_cost_;
  line_.show(fmt::format("[{}] {:.0f}%  {} tokens/s  {} FLOP/s{}  {}{}  {} left",
                         counts,
                         total_cost_ > 0 ? 100.0 * (1.0 - left / total_cost_) : 0.0,
                         format_count(work.tokens / elapsed),
                         format_count(rate),
                         share ? fmt::format(" ({:.0f}% of peak)", 100.0 * *share) : "",
                         running.front().request().experiment.experiment_id,
                         std::isfinite(first.loss_nats) && first.step > 0
                             ? fmt::format(" loss {:.3f}", first.loss_nats)
                             : "",
                         settled ? format_duration(left * elapsed / work.cost) : "?"));
}

}  // namespace ff::run
