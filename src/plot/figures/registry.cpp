// SPDX-License-Identifier: MIT
#include "flops_fit/plot/figures.h"

#include <array>

namespace ff::plot {

std::span<const FigureEntry> figure_registry() {
  static constexpr std::array kFigures = {
      FigureEntry{"isoflops_curves",
                  "loss against model size, one curve and one optimum per budget",
                  isoflops_curves},
      FigureEntry{"scaling_laws",
                  "optimal size, tokens and loss against compute, with predictions",
                  scaling_laws},
      FigureEntry{"tokens_per_param",
                  "tokens per parameter of the optima against compute",
                  tokens_per_param},
      FigureEntry{"loss_curves", "training and held-out loss of every run", loss_curves},
  };
  return kFigures;
}

}  // namespace ff::plot
