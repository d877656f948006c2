// SPDX-License-Identifier: MIT
#pragma once
// The figures that ff-visualize knows. A new one is a file in src/plot/figures and a line in the
// table of src/plot/figures/registry.cpp.
#include "flops_fit/io/laws.h"
#include "flops_fit/io/lr_transfer.h"
#include "flops_fit/io/metrics.h"
#include "flops_fit/io/results.h"
#include "flops_fit/io/roofline.h"
#include "flops_fit/plot/figure.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ff::plot {

/// The training history of one run.
struct RunHistory {
  std::string experiment_id;
  double compute_budget = 0.0;
  std::vector<io::MetricsLine> lines;
};

/// What `roofline=FILE` draws, in place of a sweep.
inline constexpr const char* kTiming = "timing";

struct FigureInputs {
  std::string sweep_kind = io::kIsoflopSweep;
  io::ScalingLaws laws;                       ///< of an IsoFLOP sweep
  std::optional<io::LrTransfer> lr_transfer;  ///< of an lr_transfer sweep
  std::vector<io::RunResult> results;         ///< may be empty
  std::vector<RunHistory> histories;          ///< may be empty
  std::string runs_folder;                    ///< where histories were looked for, for messages
  std::optional<io::TimedModel> timed_model;  ///< of `ff-roofline time`; then sweep_kind is kTiming
};

struct FigureEntry {
  std::string_view name;
  std::string_view help;  ///< one line for --help
  Drawing (*build)(const FigureInputs&);
  std::string_view sweep_kind = "";  ///< the only kind of sweep that it shows; empty = any sweep

  [[nodiscard]] bool suits(std::string_view kind) const {
    return sweep_kind == kind || (sweep_kind.empty() && kind != kTiming);
  }
};

[[nodiscard]] std::span<const FigureEntry> figure_registry();

/// Builds the figure, or says why the kind of sweep has none.
[[nodiscard]] Drawing draw(const FigureEntry& entry, const FigureInputs& inputs);

/// Loss against model size, one curve per budget, its parabola and its optimum.
[[nodiscard]] Drawing isoflops_curves(const FigureInputs& inputs);
/// N_opt, D_opt and L_opt against compute, with intervals and predictions.
[[nodiscard]] Drawing scaling_laws(const FigureInputs& inputs);
/// Tokens per parameter of the optima against compute.
[[nodiscard]] Drawing tokens_per_param(const FigureInputs& inputs);
/// Loss against learning rate, one curve, its lowest point and its vertex per width.
[[nodiscard]] Drawing lr_transfer(const FigureInputs& inputs);
/// A machine's roofline and a model's operators under it.
[[nodiscard]] Drawing roofline(const FigureInputs& inputs);
/// Training and held-out loss of every run against tokens.
[[nodiscard]] Drawing loss_curves(const FigureInputs& inputs);

}  // namespace ff::plot
