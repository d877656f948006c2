// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/lr_transfer.h"

#include "lr_curve.h"

#include "flops_fit/analysis/checks.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/units.h"
#include "flops_fit/util/version.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <vector>

namespace ff::analysis {
namespace {

constexpr size_t kMinRates = 3;   // a parabola
constexpr size_t kMinWidths = 2;  // a drift

/// The results by width and learning rate, with a warning for what is left out.
std::map<int64_t, LrWidth> sort_out(std::span<const io::RunResult> results, io::LrTransfer& out) {
  std::map<std::string, const io::RunResult*> latest;  // a later entry is the run's repetition
  for (const io::RunResult& run : results) {
    latest[run.experiment_id] = &run;
  }
  std::map<int64_t, LrWidth> widths;
  std::vector<std::string> unusable;
  std::set<int64_t> tokens;
  std::vector<const io::RunResult*> used;
  for (const auto& [id, run] : latest) {
    // (Results of earlier versions call it failed.)
    const bool diverged =
        run->status == io::kDiverged || (run->status == io::kFailed && run->actual_flops > 0);
    if (!run->architecture || !run->learning_rate || !(diverged || run->completed())) {
      unusable.push_back(id);
      continue;
    }
    LrWidth& width = widths[run->architecture->d_model];
    width.model_size = run->model_size;
    LrCell& cell = width.cells[*run->learning_rate];
    if (diverged || !std::isfinite(*run->final_loss)) {
      cell.diverged = true;
    } else {
      cell.losses.push_back(*run->final_loss);
      tokens.insert(run->num_tokens);
    }
    used.push_back(run);
    ++out.provenance.runs_used;
  }
  out.warnings = check_origin(used);
  if (!unusable.empty()) {
    out.warnings.push_back(
        fmt::format("{} of {} runs count as not trained: they failed for another reason than "
                    "divergence, or lack a learning rate ({}); see their runs/<id>/result.json.",
                    unusable.size(),
                    latest.size(),
                    fmt::join(unusable, ", ")));
  }
  if (tokens.size() > 1) {
    out.warnings.push_back(
        fmt::format("The runs differ in training tokens ({} to {}), so their losses differ for "
                    "other reasons than the learning rate.",
                    format_count(static_cast<double>(*tokens.begin())),
                    format_count(static_cast<double>(*tokens.rbegin()))));
  }
  return widths;
}

std::vector<io::LrCurve> make_curves(const std::map<int64_t, LrWidth>& widths,
                                     std::vector<std::string>& warnings) {
  std::vector<io::LrCurve> curves;
  for (const auto& [d_model, width] : widths) {
    if (width.cells.size() < kMinRates) {
      warnings.push_back(fmt::format(
          "width {}: left out, {} learning rate(s) trained; it needs {}. Train on with ff-train.",
          d_model,
          width.cells.size(),
          kMinRates));
      continue;
    }
    curves.push_back(make_curve(d_model, width));
  }
  return curves;
}

void check_enough(const std::vector<io::LrCurve>& curves,
                  const std::map<int64_t, LrWidth>& widths) {
  const auto enough = std::count_if(curves.begin(), curves.end(), [](const io::LrCurve& curve) {
    return curve.points.size() >= kMinRates;
  });
  if (static_cast<size_t>(enough) >= kMinWidths) {
    return;
  }
  throw error<TooLittleDataError>(
      "{} of {} widths completed {} learning rates, and a comparison needs {} such widths; train "
      "more of the sweep with ff-train (ff-train resumes where it stopped, trainer.learning_rate "
      "must be null), or plan lower learning rates if these diverged.",
      enough,
      widths.size(),
      kMinRates,
      kMinWidths);
}

/// All learning rates trained at any width, ascending.
std::vector<double> grid_of(const std::vector<io::LrCurve>& curves) {
  std::set<double> grid;
  for (const io::LrCurve& curve : curves) {
    grid.insert(curve.diverged.begin(), curve.diverged.end());
    for (const io::LrPoint& point : curve.points) {
      grid.insert(point.learning_rate);
    }
  }
  return {grid.begin(), grid.end()};
}

void set_spread(io::LrTransfer& out, const std::vector<double>& grid) {
  double low = HUGE_VAL, high = 0.0;
  for (const io::LrCurve& curve : out.curves) {
    if (curve.argmin_learning_rate) {
      low = std::min(low, *curve.argmin_learning_rate);
      high = std::max(high, *curve.argmin_learning_rate);
    }
  }
  out.argmin_spread_steps = std::distance(std::lower_bound(grid.begin(), grid.end(), low),
                                          std::lower_bound(grid.begin(), grid.end(), high));
  out.argmin_spread_octaves = std::log2(high / low);
}

/// The drift of the vertices: end to end, and by a line through all of them over log2(width).
void set_drift(io::LrTransfer& out) {
  std::vector<double> w, x;
  double mean_w = 0.0;
  for (const io::LrCurve& curve : out.curves) {
    if (curve.vertex_log2) {
      w.push_back(std::log2(static_cast<double>(curve.d_model)));
      x.push_back(*curve.vertex_log2);
      mean_w += w.back();
    }
  }
  if (x.size() < kMinWidths) {
    return;
  }
  mean_w /= static_cast<double>(w.size());
  double products = 0.0, squares = 0.0;
  for (size_t i = 0; i < w.size(); ++i) {
    products += (w[i] - mean_w) * x[i];
    squares += (w[i] - mean_w) * (w[i] - mean_w);
  }
  out.vertex_drift = x.back() - x.front();
  out.vertex_slope = products / squares;
}

/// What the narrowest width's best learning rate costs every wider one. False if the run that would
/// say so at the widest was not trained; one that diverged says enough.
bool set_regret(io::LrTransfer& out) {
  const auto narrowest =
      std::find_if(out.curves.begin(), out.curves.end(), [](const io::LrCurve& curve) {
        return curve.argmin_learning_rate.has_value();
      });
  const double rate = *narrowest->argmin_learning_rate;
  for (auto curve = std::next(narrowest); curve != out.curves.end(); ++curve) {
    for (const io::LrPoint& point : curve->points) {
      if (point.learning_rate == rate) {
        curve->regret = point.loss - *curve->argmin_loss;
      }
    }
  }
  for (auto curve = std::next(narrowest); curve != out.curves.end(); ++curve) {
    if (narrowest->vertex_log2 && curve->vertex_loss) {
      if (const auto loss = loss_at(*curve, *narrowest->vertex_log2)) {
        curve->vertex_regret = std::max(0.0, *loss - *curve->vertex_loss);
      }
    }
  }
  const io::LrCurve& widest = out.curves.back();
  out.regret = widest.regret;
  out.vertex_regret = widest.vertex_regret;
  const bool diverged = std::binary_search(widest.diverged.begin(), widest.diverged.end(), rate);
  if (!out.regret) {
    out.regret_note = fmt::format("at width {} the run at eta = {}, the best at width {}, {}",
                                  widest.d_model,
                                  format_power_of_two(rate),
                                  narrowest->d_model,
                                  diverged ? "diverged" : "is missing");
  }
  return out.regret || diverged;
}

void decide(io::LrTransfer& out, bool regret_known) {
  out.max_spread_steps = kMaxArgminSpreadSteps;
  out.max_regret = kMaxTransferRegret;
  const bool near = out.argmin_spread_steps <= out.max_spread_steps;
  std::vector<std::string> against, edges;
  const std::string spread = fmt::format(
      "the best learning rates of the grid lie {} step{} ({:.2g} octaves) apart; at "
      "most {} is allowed",
      out.argmin_spread_steps,
      out.argmin_spread_steps == 1 ? "" : "s",
      out.argmin_spread_octaves,
      out.max_spread_steps);
  if (!near) {
    against.push_back(spread);
  }
  // Where the optimum lies between two learning rates of the grid, noise decides which is the
  // lowest, and with it the regret on the grid; the vertices know better.
  const std::optional<double> judged = out.vertex_regret ? out.vertex_regret : out.regret;
  std::string regret = out.regret_note;
  if (judged) {
    regret = fmt::format(
        "at width {} the narrowest width's {} costs {:.4f} nats; at most {:g} is "
        "allowed",
        out.curves.back().d_model,
        out.vertex_regret ? "optimum (its vertex)" : "best learning rate",
        *judged,
        out.max_regret);
  }
  if (regret_known && !(judged && *judged <= out.max_regret)) {
    against.push_back(regret);
  }
  for (const io::LrCurve& curve : out.curves) {
    if (!curve.edge.empty()) {
      edges.push_back(fmt::format("at width {} {}", curve.d_model, curve.status));
    }
    if (!curve.argmin_learning_rate) {
      against.push_back(fmt::format("at width {} {}", curve.d_model, curve.status));
    }
  }
  if (near && !edges.empty()) {
    out.verdict = io::kUndecided;
    out.reasons = edges;
    out.reasons.insert(out.reasons.end(), against.begin(), against.end());
  } else if (!against.empty()) {
    out.verdict = io::kDoesNotTransfer;
    out.reasons = against;
  } else {
    out.verdict = regret_known ? io::kTransfers : io::kUndecided;
    out.reasons = {spread, regret};
  }
}

void warn_about_curves(io::LrTransfer& out, size_t grid_size) {
  for (const io::LrCurve& curve : out.curves) {
    const size_t trained = curve.points.size() + curve.diverged.size();
    if (trained < grid_size) {
      out.warnings.push_back(
          fmt::format("width {}: {} of {} learning rates are not trained; go on with ff-train.",
                      curve.d_model,
                      grid_size - trained,
                      grid_size));
    }
    if (!curve.edge.empty()) {
      out.warnings.push_back(
          fmt::format("width {}: {} trained, {}; the minimum may lie beyond: add {} values to "
                      "sweep.log2_learning_rates.",
                      curve.d_model,
                      curve.status,
                      format_power_of_two(*curve.argmin_learning_rate),
                      curve.edge == "lowest" ? "lower" : "higher"));
    } else if (curve.status != "ok") {
      out.warnings.push_back(
          fmt::format("width {}: no parabola: {}; add {} values to sweep.log2_learning_rates.",
                      curve.d_model,
                      curve.status,
                      curve.points.empty() ? "lower" : "intermediate"));
    }
  }
}

}  // namespace

io::LrTransfer analyze_lr_transfer(std::span<const io::RunResult> results) {
  io::LrTransfer out;
  out.provenance.program = fmt::format("ff-analyze {}", version());
  out.provenance.runs_read = static_cast<int64_t>(results.size());
  const std::map<int64_t, LrWidth> widths = sort_out(results, out);
  out.curves = make_curves(widths, out.warnings);
  check_enough(out.curves, widths);
  const std::vector<double> grid = grid_of(out.curves);
  set_spread(out, grid);
  set_drift(out);
  const bool regret_known = set_regret(out);
  decide(out, regret_known);
  warn_about_curves(out, grid.size());
  return out;
}

}  // namespace ff::analysis
