// SPDX-License-Identifier: MIT
#include "flops_fit/plot/config.h"

#include "flops_fit/plot/figures.h"
#include "flops_fit/util/error.h"

#include <algorithm>

namespace ff::plot {

void check(const VisualizerConfig& config) {
  const PlotOptions& plots = config.plots;
  if (plots.format.empty()) {
    throw error<ConfigError>("plots.format: is empty; name at least one of png, svg, pdf.");
  }
  for (const std::string& name : plots.figures) {
    const auto known = figure_registry();
    if (std::none_of(known.begin(), known.end(), [&](const auto& f) { return f.name == name; })) {
      std::string names;
      for (const FigureEntry& figure : known) {
        names += names.empty() ? "" : ", ";
        names += figure.name;
      }
      throw error<ConfigError>("plots.figures: no figure '{}'; there are: {}.", name, names);
    }
  }
}

}  // namespace ff::plot
