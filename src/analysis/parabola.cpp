// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/parabola.h"

#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

namespace ff::analysis {

Parabola fit_parabola(std::span<const Point> runs, double window_nats) {
  Parabola result;
  double lowest = runs.empty() ? 0.0 : runs.front().loss;
  for (const Point& run : runs) {
    lowest = std::min(lowest, run.loss);
  }
  std::vector<Point> used;
  for (const Point& run : runs) {
    if (run.loss <= lowest + window_nats) {
      used.push_back(run);
    }
  }
  result.used = static_cast<int>(used.size());
  result.sizes = distinct_sizes(used);
  if (result.sizes < 3) {
    result.status =
        fmt::format("too few sizes within {:g} nats of the minimum ({}; a parabola needs 3)",
                    window_nats,
                    result.sizes);
    return result;
  }
  const auto n = static_cast<Eigen::Index>(used.size());
  Eigen::VectorXd x(n), y(n), log_d(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Point& run = used[static_cast<size_t>(i)];
    x(i) = std::log(run.n);
    y(i) = run.loss;
    log_d(i) = std::log(run.d);
  }
  // In z = (x - middle) / scale the columns are nearly orthogonal.
  const double low = x.minCoeff(), high = x.maxCoeff();
  const double middle = x.mean(), scale = 0.5 * (high - low);
  const Eigen::VectorXd z = (x.array() - middle) / scale;
  Eigen::MatrixXd columns(n, 3);
  columns << Eigen::VectorXd::Ones(n), z, z.array().square().matrix();
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(columns);
  const Eigen::Vector3d p = qr.solve(y);
  result.fitted = true;
  result.sum_squares = (y - columns * p).squaredNorm();
  result.mean_loss = y.mean();
  result.c2 = p(2) / (scale * scale);
  result.c1 = p(1) / scale - 2 * result.c2 * middle;
  result.c0 = p(0) - p(1) / scale * middle + result.c2 * middle * middle;

  // Rounding of the losses alone must not pass for a curvature.
  if (!(p(2) > 1e-12 * std::abs(p(0)))) {
    result.status = fmt::format("the parabola has no minimum (curvature {:.3g})", result.c2);
    return result;
  }
  const double vertex = -p(1) / (2 * p(2));
  const double vertex_x = middle + scale * vertex;
  result.vertex_n = std::exp(vertex_x);
  if (vertex_x < low || vertex_x > high) {
    result.status = fmt::format("the vertex ({}) lies outside the sizes used ({} to {})",
                                format_count(result.vertex_n),
                                format_count(std::exp(low)),
                                format_count(std::exp(high)));
    return result;
  }
  result.vertex_loss = p(0) - p(1) * p(1) / (4 * p(2));
  // Delta method: v = -p1/(2 p2), dv/dp = (0, -1/(2 p2), p1/(2 p2^2)).
  const Eigen::Vector3d slope(0.0, -1 / (2 * p(2)), p(1) / (2 * p(2) * p(2)));
  const Eigen::Matrix3d information = columns.transpose() * columns;
  result.unit_stderr = scale * std::sqrt(slope.dot(information.ldlt().solve(slope)));
  // D from its own line, so that runs whose cost is not exactly 6ND keep their own D.
  const double slope_d =
      (z.array() - z.mean()).matrix().dot(log_d) / (z.array() - z.mean()).square().sum();
  result.vertex_d = std::exp(log_d.mean() + slope_d * (vertex - z.mean()));
  return result;
}

}  // namespace ff::analysis
