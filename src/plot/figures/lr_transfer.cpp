// SPDX-License-Identifier: MIT
// Loss against learning rate, one curve per width: if the learning rate transfers, the valleys lie
// above one another.
#include "law_curves.h"

#include "flops_fit/plot/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace ff::plot {
namespace {

/// The y axis ends this far above the highest of the widths' lowest losses. Large learning rates
/// that all but diverge would otherwise flatten the valleys.
constexpr double kHeadroomNats = 0.5;
constexpr int kSamples = 41;

bool diverged_between(const io::LrCurve& curve, const io::LrPoint& a, const io::LrPoint& b) {
  return std::any_of(curve.diverged.begin(), curve.diverged.end(), [&](double rate) {
    return rate > a.learning_rate && rate < b.learning_rate;
  });
}

/// Where the straight line from a to b passes `cap`, in log2 of the learning rate.
double crossing(const io::LrPoint& a, const io::LrPoint& b, double cap) {
  const double xa = std::log2(a.learning_rate);
  const double xb = std::log2(b.learning_rate);
  return xa + (xb - xa) * (cap - a.loss) / (b.loss - a.loss);
}

/// Straight segments through the points, cut off at `cap` and where runs diverged in between: one
/// series per connected piece.
std::vector<Series> traces(const io::LrCurve& curve, double cap, double shade) {
  std::vector<Series> pieces;
  Series piece{.role = Role::kTrace, .shape = Shape::kLine, .shade = shade};
  const auto finish = [&] {
    if (!piece.x.empty()) {
      pieces.push_back(piece);
      piece.x.clear();
      piece.y.clear();
    }
  };
  const auto add = [&](double x, double y) {
    piece.x.push_back(x);
    piece.y.push_back(y);
  };
  for (size_t i = 0; i < curve.points.size(); ++i) {
    const io::LrPoint& point = curve.points[i];
    const io::LrPoint* last = i > 0 ? &curve.points[i - 1] : nullptr;
    if (last != nullptr && diverged_between(curve, *last, point)) {
      finish();
      last = nullptr;
    }
    if (last != nullptr && (last->loss <= cap) != (point.loss <= cap)) {
      add(crossing(*last, point, cap), cap);
    }
    if (point.loss <= cap) {
      add(std::log2(point.learning_rate), point.loss);
    } else {
      finish();
    }
  }
  finish();
  return pieces;
}

/// The points up to `cap`, with bars of one standard error where there are several seeds.
Series points_of(const io::LrCurve& curve, double cap, double shade) {
  Series series{.legend = fmt::format("width {}", curve.d_model), .shade = shade};
  for (const io::LrPoint& point : curve.points) {
    if (point.loss <= cap) {
      const double half = point.loss_stderr.value_or(0.0);
      series.x.push_back(std::log2(point.learning_rate));
      series.y.push_back(point.loss);
      series.low.push_back(point.loss - half);
      series.high.push_back(std::min(cap, point.loss + half));
      series.shape = half > 0 ? Shape::kErrorsY : series.shape;
    }
  }
  return series;
}

/// The parabola behind the vertex, over the three points that it goes through.
Series parabola(const io::LrCurve& curve, double cap, double shade) {
  Series series{.role = Role::kFit, .shape = Shape::kLine, .shade = shade};
  const auto lowest =
      std::find_if(curve.points.begin(), curve.points.end(), [&](const io::LrPoint& point) {
        return point.learning_rate == curve.argmin_learning_rate;
      });
  if (!curve.vertex_log2 || !curve.vertex_loss || lowest == curve.points.begin() ||
      lowest == curve.points.end() || std::next(lowest) == curve.points.end()) {
    return series;
  }
  const double left = std::log2(std::prev(lowest)->learning_rate);
  const double right = std::log2(std::next(lowest)->learning_rate);
  const double from_vertex = left - *curve.vertex_log2;
  const double curvature =
      (std::prev(lowest)->loss - *curve.vertex_loss) / (from_vertex * from_vertex);
  for (int i = 0; i < kSamples; ++i) {
    const double x = left + (right - left) * i / (kSamples - 1);
    const double away = x - *curve.vertex_log2;
    const double loss = *curve.vertex_loss + curvature * away * away;
    if (loss <= cap) {
      series.x.push_back(x);
      series.y.push_back(loss);
    }
  }
  return series;
}

std::string caption(size_t above, size_t diverged, double cap) {
  std::string text =
      "Each point is one learning rate η at one width, the mean over its seeds; all runs see the "
      "same batches. Squares mark the lowest point of each width, diamonds the vertex of the "
      "parabola through it and its neighbours.";
  if (above > 0) {
    text += fmt::format(
        " {} point{} above {:.2f} nats/token ({:g} above the lowest losses) {} cut "
        "off.",
        above,
        above == 1 ? "" : "s",
        cap,
        kHeadroomNats,
        above == 1 ? "is" : "are");
  }
  if (diverged > 0) {
    text += fmt::format(" At {} learning rate{} (over all widths) the training diverged.",
                        diverged,
                        diverged == 1 ? "" : "s");
  }
  return text;
}

}  // namespace

Drawing lr_transfer(const FigureInputs& inputs) {
  if (!inputs.lr_transfer || inputs.lr_transfer->curves.empty()) {
    return NotDrawn{
        "there is no analysis of an lr_transfer sweep; plan one with sweep.kind=lr_transfer"};
  }
  const std::vector<io::LrCurve>& curves = inputs.lr_transfer->curves;
  double cap = 0.0;
  for (const io::LrCurve& curve : curves) {
    cap = std::max(cap, curve.argmin_loss.value_or(0.0) + kHeadroomNats);
  }
  Panel panel{.title = "Loss against learning rate",
              .x = {"log_{2} of the learning rate η"},
              .y = {"Held-out loss L [nats/token]"}};
  Series lowest{.legend = "lowest point", .role = Role::kPrediction};
  Series vertices{.legend = "vertex of the parabola", .role = Role::kOptimum};
  size_t above = 0;
  size_t diverged = 0;
  for (size_t i = 0; i < curves.size(); ++i) {
    const io::LrCurve& curve = curves[i];
    const double shade = shade_of(i, curves.size());
    for (Series& piece : traces(curve, cap, shade)) {
      panel.series.push_back(std::move(piece));
    }
    for (Series series : {parabola(curve, cap, shade), points_of(curve, cap, shade)}) {
      if (!series.x.empty()) {
        panel.series.push_back(std::move(series));
      }
    }
    above += static_cast<size_t>(
        std::count_if(curve.points.begin(), curve.points.end(), [&](const io::LrPoint& point) {
          return point.loss > cap;
        }));
    diverged += curve.diverged.size();
    if (curve.argmin_learning_rate) {
      lowest.x.push_back(std::log2(*curve.argmin_learning_rate));
      lowest.y.push_back(curve.argmin_loss.value_or(0.0));
    }
    if (curve.vertex_log2) {
      vertices.x.push_back(*curve.vertex_log2);
      vertices.y.push_back(curve.vertex_loss.value_or(0.0));
    }
  }
  for (Series* marks : {&lowest, &vertices}) {
    if (!marks->x.empty()) {
      panel.series.push_back(std::move(*marks));
    }
  }
  return Figure{.name = "lr_transfer",
                .title = "Learning-rate transfer",
                .caption = caption(above, diverged, cap),
                .panels = {std::move(panel)}};
}

}  // namespace ff::plot
