// SPDX-License-Identifier: MIT
#include "parabola.h"

#include "law_curves.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

namespace ff::plot {
namespace {

using io::Isoflop;
using io::IsoflopPoint;

constexpr int kSamples = 61;

/// Least squares of loss on (1, t, t^2), t = ln N - mean, evaluated at both ends and the middle.
/// None if the points hold fewer than three sizes.
std::optional<std::array<double, 3>> refit(std::span<const IsoflopPoint> points,
                                           const std::array<double, 3>& sizes) {
  double mean = 0.0;
  for (const IsoflopPoint& p : points) {
    mean += std::log(p.model_size) / static_cast<double>(points.size());
  }
  std::array<std::array<double, 4>, 3> m{};  // normal equations, augmented
  for (const IsoflopPoint& p : points) {
    const double t = std::log(p.model_size) - mean;
    const std::array<double, 3> row = {1.0, t, t * t};
    for (size_t i = 0; i < 3; ++i) {
      for (size_t j = 0; j < 3; ++j) {
        m[i][j] += row[i] * row[j];
      }
      m[i][3] += row[i] * p.loss;
    }
  }
  for (size_t i = 0; i < 3; ++i) {  // the matrix is positive definite: no pivoting needed
    if (m[i][i] < 1e-9) {
      return std::nullopt;
    }
    for (size_t k = 0; k < 3; ++k) {
      const double factor = k == i ? 0.0 : m[k][i] / m[i][i];
      for (size_t j = i; j < 4; ++j) {
        m[k][j] -= factor * m[i][j];
      }
    }
  }
  std::array<double, 3> out{};
  for (size_t s = 0; s < 3; ++s) {
    const double t = std::log(sizes[s]) - mean;
    out[s] = m[0][3] / m[0][0] + m[1][3] / m[1][1] * t + m[2][3] / m[2][2] * t * t;
  }
  return out;
}

std::optional<std::pair<double, double>> fitted_window(const Isoflop& budget) {
  const std::span<const IsoflopPoint> all = budget.points;
  const double first = all.front().model_size;
  const double last = all.back().model_size;
  const std::array<double, 3> sizes = {first, std::sqrt(first * last), last};
  for (size_t count = all.size(); count >= 3; --count) {
    for (size_t start = 0; start + count <= all.size(); ++start) {
      const auto window = all.subspan(start, count);
      const auto values = refit(window, sizes);
      bool same = values.has_value();
      for (size_t s = 0; same && s < 3; ++s) {
        const double recorded = parabola_at(budget, sizes[s]);
        same = std::abs((*values)[s] - recorded) <= 1e-5 * std::abs(recorded);
      }
      if (same) {
        return std::pair(window.front().model_size, window.back().model_size);
      }
    }
  }
  return std::nullopt;
}

}  // namespace

bool has_parabola(const Isoflop& budget) {
  return budget.vertex_size && budget.c0 && budget.c1 && budget.c2 && !budget.points.empty();
}

double parabola_at(const Isoflop& budget, double model_size) {
  const double x = std::log(model_size);
  return *budget.c0 + x * (*budget.c1 + x * *budget.c2);
}

Series parabola_curve(const Isoflop& budget) {
  Series curve{.legend = "", .role = Role::kFit, .shape = Shape::kLine};
  const auto window = fitted_window(budget);
  auto [low, high] =
      window.value_or(std::pair(budget.points.front().model_size, budget.points.back().model_size));
  low = std::min(low, *budget.vertex_size);
  high = std::max(high, *budget.vertex_size);
  double highest = 0.0;
  for (const IsoflopPoint& p : budget.points) {
    highest = std::max(highest, p.loss);
  }
  for (const double size : log_space(low, high, kSamples)) {
    const double loss = parabola_at(budget, size);
    if (window || loss <= highest) {
      curve.x.push_back(size);
      curve.y.push_back(loss);
    }
  }
  return curve;
}

}  // namespace ff::plot
