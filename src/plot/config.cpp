// SPDX-License-Identifier: MIT
#include "flops_fit/plot/config.h"

#include "flops_fit/plot/figures.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace ff::plot {
namespace {

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return "";
  }
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

}  // namespace

std::vector<std::string> picture_formats(const PlotOptions& options) {
  std::vector<std::string> formats;
  std::string_view rest = options.format;
  while (true) {
    const size_t comma = rest.find(',');
    std::string name = trimmed(rest.substr(0, comma));
    if (!name.empty() && std::find(formats.begin(), formats.end(), name) == formats.end()) {
      formats.push_back(std::move(name));
    }
    if (comma == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(comma + 1);
  }
  return formats;
}

void check(const VisualizerConfig& config) {
  const PlotOptions& plots = config.plots;
  if (plots.style != "paper" && plots.style != "notebook") {
    throw error<ConfigError>("plots.style={}: must be paper or notebook.", plots.style);
  }
  const std::vector<std::string> formats = picture_formats(plots);
  if (formats.empty()) {
    throw error<ConfigError>("plots.format: is empty; name at least one of png, svg, pdf.");
  }
  for (const std::string& format : formats) {
    if (format != "png" && format != "svg" && format != "pdf") {
      throw error<ConfigError>("plots.format={}: must be png, svg or pdf.", format);
    }
  }
  if (plots.dpi < 50 || plots.dpi > 2400) {
    throw error<ConfigError>("plots.dpi={}: must lie between 50 and 2400.", plots.dpi);
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
