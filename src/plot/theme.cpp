// SPDX-License-Identifier: MIT
#include "theme.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace ff::plot {

Theme theme_of(Medium medium) {
  switch (medium) {
    case Medium::kPaper:
      break;
    case Medium::kNotebook:
      return {.font = 12.0,
              .single_width = 7.0 * 72,
              .multi_width = 14.0 * 72,
              .single_panel_height = 4.2 * 72,
              .multi_panel_height = 3.5 * 72,
              .mark = 1.0,
              .stroke = 1.6,
              .title = true};
    case Medium::kReport:
      return {.font = 9.5,
              .single_width = 3.9 * 72,
              .multi_width = 3.9 * 72,
              .single_panel_height = 2.45 * 72,
              .multi_panel_height = 2.45 * 72,
              .mark = 0.8,
              .stroke = 1.25,
              .title = false};
  }
  return {};
}

std::string sequence_colour(double place) {
  // viridis (van der Walt and Smith, CC0) at 0, 0.1, .. 0.8.
  static constexpr std::array<std::array<double, 3>, 9> kStops = {{{68, 1, 84},
                                                                   {72, 36, 117},
                                                                   {65, 68, 135},
                                                                   {53, 95, 141},
                                                                   {42, 120, 142},
                                                                   {33, 145, 140},
                                                                   {34, 168, 132},
                                                                   {68, 191, 112},
                                                                   {122, 209, 81}}};
  const double at = std::clamp(place, 0.0, 1.0) * (kStops.size() - 1);
  const size_t i = std::min(static_cast<size_t>(at), kStops.size() - 2);
  const double share = at - static_cast<double>(i);
  std::array<int, 3> rgb{};
  for (size_t k = 0; k < 3; ++k) {
    rgb[k] =
        static_cast<int>(std::lround(kStops[i][k] + share * (kStops[i + 1][k] - kStops[i][k])));
  }
  return fmt::format("#{:02x}{:02x}{:02x}", rgb[0], rgb[1], rgb[2]);
}

Look look_of(const Series& series) {
  // Blue and vermilion of Okabe and Ito's palette: told apart with any colour vision.
  static constexpr const char* kBlue = "#0b5394";
  static constexpr const char* kVermilion = "#d55e00";
  Look look;
  switch (series.role) {
    case Role::kRun:
      look = {.colour = kBlue, .mark = 7, .mark_size = 0.75};
      break;
    case Role::kFit:
      look = {.colour = kBlue, .width = 1.2};
      break;
    case Role::kTrace:
      look = {.colour = kBlue, .width = 0.7};
      break;
    case Role::kOptimum:
      look = {.colour = "#1a1a1a", .width = 0.8, .mark = 13, .mark_size = 1.1};
      break;
    case Role::kLaw:
      look = {.colour = kBlue, .width = 1.4};
      break;
    case Role::kExtrapolation:
      look = {.colour = kBlue, .width = 1.2, .dash = "(7,5)"};
      break;
    case Role::kInterval:
      look = {.colour = kBlue, .opacity = 0.16};
      break;
    case Role::kPrediction:
      look = {.colour = kVermilion, .width = 1.1, .mark = 5, .mark_size = 0.85};
      break;
    case Role::kReference:
      look = {.colour = "#6e6e6e", .width = 1.0, .dash = "(3,3)"};
      break;
  }
  if (series.shade) {
    look.colour = sequence_colour(*series.shade);
  }
  return look;
}

}  // namespace ff::plot
