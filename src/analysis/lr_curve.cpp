// SPDX-License-Identifier: MIT
#include "lr_curve.h"

#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>

namespace ff::analysis {
namespace {

io::LrPoint point_of(double learning_rate, const std::vector<double>& losses) {
  io::LrPoint point{.learning_rate = learning_rate, .runs = static_cast<int64_t>(losses.size())};
  const auto n = static_cast<double>(losses.size());
  for (const double loss : losses) {
    point.loss += loss / n;
  }
  if (losses.size() > 1) {
    double squares = 0.0;
    for (const double loss : losses) {
      squares += (loss - point.loss) * (loss - point.loss);
    }
    point.loss_stderr = std::sqrt(squares / (n - 1) / n);
  }
  return point;
}

/// The parabola in x = log2(eta) through three points, in Newton's form.
struct Newton {
  double xa, xb;
  double loss_a, slope, curvature;

  Newton(const io::LrPoint& a, const io::LrPoint& b, const io::LrPoint& c)
      : xa(std::log2(a.learning_rate)),
        xb(std::log2(b.learning_rate)),
        loss_a(a.loss),
        slope((b.loss - a.loss) / (xb - xa)) {
    const double xc = std::log2(c.learning_rate);
    curvature = ((c.loss - b.loss) / (xc - xb) - slope) / (xc - xa);
  }
  double operator()(double x) const { return loss_a + (x - xa) * (slope + curvature * (x - xb)); }
};

/// b is the lowest of the three points.
void set_vertex(io::LrCurve& curve,
                const io::LrPoint& a,
                const io::LrPoint& b,
                const io::LrPoint& c) {
  const Newton parabola(a, b, c);
  // Rounding of the losses alone must not pass for a curvature.
  if (!(parabola.curvature > 1e-12 * std::abs(b.loss))) {
    curve.status = "the three lowest points lie on a line";
    return;
  }
  curve.vertex_log2 = 0.5 * (parabola.xa + parabola.xb) - parabola.slope / (2 * parabola.curvature);
  curve.vertex_loss = parabola(*curve.vertex_log2);
}

/// Sets the argmin, whether it is on the edge, and the vertex or why there is none.
void find_minimum(io::LrCurve& curve, const std::map<double, LrCell>& cells) {
  if (curve.points.empty()) {
    curve.status = "every learning rate diverged";
    return;
  }
  const auto best = std::min_element(
      curve.points.begin(), curve.points.end(), [](const io::LrPoint& a, const io::LrPoint& b) {
        return a.loss < b.loss;
      });
  curve.argmin_learning_rate = best->learning_rate;
  curve.argmin_loss = best->loss;
  const auto cell = cells.find(best->learning_rate);
  if (cell == cells.begin() || std::next(cell) == cells.end()) {
    curve.edge = cell == cells.begin() ? "lowest" : "highest";
    curve.status = fmt::format("the lowest loss is at the {} learning rate", curve.edge);
    return;
  }
  for (const auto& [rate, beside] : {*std::prev(cell), *std::next(cell)}) {
    if (beside.diverged) {
      curve.status =
          fmt::format("beside the lowest loss, at {}, runs diverged", format_power_of_two(rate));
      return;
    }
  }
  set_vertex(curve, *std::prev(best), *best, *std::next(best));
}

}  // namespace

io::LrCurve make_curve(int64_t d_model, const LrWidth& width) {
  io::LrCurve curve{.d_model = d_model, .model_size = width.model_size};
  for (const auto& [rate, cell] : width.cells) {
    if (cell.diverged) {
      curve.diverged.push_back(rate);
    } else {
      curve.points.push_back(point_of(rate, cell.losses));
    }
  }
  find_minimum(curve, width.cells);
  return curve;
}

std::optional<double> loss_at(const io::LrCurve& curve, double x) {
  const auto& points = curve.points;
  if (points.size() < 3 || x < std::log2(points.front().learning_rate) ||
      x > std::log2(points.back().learning_rate)) {
    return std::nullopt;
  }
  const auto at = [&](size_t i) { return std::log2(points[i].learning_rate); };
  size_t middle = 1;
  for (size_t i = 1; i + 1 < points.size(); ++i) {
    // The vertex's own parabola where it reaches, so that no loss lies below the vertex.
    if (points[i].learning_rate == curve.argmin_learning_rate && at(i - 1) <= x && x <= at(i + 1)) {
      middle = i;
      break;
    }
    middle = std::abs(at(i) - x) < std::abs(at(middle) - x) ? i : middle;
  }
  return Newton(points[middle - 1], points[middle], points[middle + 1])(x);
}

}  // namespace ff::analysis
