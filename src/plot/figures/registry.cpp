// SPDX-License-Identifier: MIT
#include "flops_fit/plot/figures.h"

#include <fmt/format.h>

#include <array>

namespace ff::plot {

std::span<const FigureEntry> figure_registry() {
  static constexpr std::array kFigures = {
      FigureEntry{"isoflops_curves",
                  "loss against model size, one curve and one optimum per budget",
                  isoflops_curves,
                  io::kIsoflopSweep},
      FigureEntry{"scaling_laws",
                  "optimal size, tokens and loss against compute, with predictions",
                  scaling_laws,
                  io::kIsoflopSweep},
      FigureEntry{"tokens_per_param",
                  "tokens per parameter of the optima against compute",
                  tokens_per_param,
                  io::kIsoflopSweep},
      FigureEntry{"lr_transfer",
                  "loss against learning rate, one curve per width, of an lr_transfer sweep",
                  lr_transfer,
                  io::kLrTransferSweep},
      FigureEntry{"loss_curves", "training and held-out loss of every run", loss_curves},
      FigureEntry{"roofline",
                  "a machine's roofline and a model's operators (with roofline=FILE)",
                  roofline,
                  kTiming},
  };
  return kFigures;
}

Drawing draw(const FigureEntry& entry, const FigureInputs& inputs) {
  if (!entry.suits(inputs.sweep_kind)) {
    if (entry.sweep_kind == kTiming) {
      return entry.build({});  // it says what it needs
    }
    if (inputs.sweep_kind == kTiming) {
      return NotDrawn{"with roofline=FILE the timing alone is drawn"};
    }
    return NotDrawn{fmt::format("the results are of an {} sweep, and it is a figure of {} sweeps",
                                inputs.sweep_kind,
                                entry.sweep_kind)};
  }
  return entry.build(inputs);
}

}  // namespace ff::plot
