// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/power_law.h"

#include <ceres/loss_function.h>

#include <algorithm>

namespace ff::analysis {
namespace {

struct Line {
  double middle_x = 0.0, middle_y = 0.0, slope = 0.0;
  double operator()(double x) const { return middle_y + slope * (x - middle_x); }
};

/// Weighted least squares about the weighted means, which keeps ln C ~ 40 from cancelling.
Line least_squares(const std::vector<double>& x,
                   const std::vector<double>& y,
                   const std::vector<double>& weights) {
  double sum = 0, sum_x = 0, sum_y = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    sum += weights[i];
    sum_x += weights[i] * x[i];
    sum_y += weights[i] * y[i];
  }
  Line line{.middle_x = sum_x / sum, .middle_y = sum_y / sum};
  double xx = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] - line.middle_x;
    xx += weights[i] * dx * dx;
    xy += weights[i] * dx * (y[i] - line.middle_y);
  }
  line.slope = xx > 0 ? xy / xx : 0.0;
  return line;
}

/// Huber's estimate by iteratively reweighted least squares; Ceres' loss gives the weights.
Line huber(const std::vector<double>& x,
           const std::vector<double>& y,
           const std::vector<double>& weights,
           Line line) {
  constexpr double kTuning = 1.345;
  constexpr double kMadToSigma = 1.4826;
  constexpr int kMaxRounds = 50;
  const ceres::HuberLoss loss(kTuning);
  std::vector<double> residual(x.size()), reweighted(x.size());
  for (int round = 0; round < kMaxRounds; ++round) {
    for (size_t i = 0; i < x.size(); ++i) {
      residual[i] = std::sqrt(weights[i]) * (y[i] - line(x[i]));
    }
    std::vector<double> sizes(residual);
    std::transform(sizes.begin(), sizes.end(), sizes.begin(), [](double r) { return std::abs(r); });
    const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
    std::nth_element(sizes.begin(), middle, sizes.end());
    const double sigma = kMadToSigma * *middle;
    if (!(sigma > 1e-12)) {
      return line;  // more than half of the points lie on the line
    }
    for (size_t i = 0; i < x.size(); ++i) {
      const double scaled = residual[i] / sigma;
      double rho[3];
      loss.Evaluate(scaled * scaled, rho);
      reweighted[i] = weights[i] * rho[1];
    }
    const Line next = least_squares(x, y, reweighted);
    const bool settled = std::abs(next.slope - line.slope) < 1e-10 &&
                         std::abs(next(line.middle_x) - line.middle_y) < 1e-10;
    line = next;
    if (settled) {
      break;
    }
  }
  return line;
}

}  // namespace

std::optional<LogLine> fit_power_law(std::span<const double> x,
                                     std::span<const double> y,
                                     std::span<const double> weights,
                                     const LineOptions& options) {
  if (x.size() < 2) {
    return std::nullopt;
  }
  std::vector<double> log_x, log_y;
  for (size_t i = 0; i < x.size(); ++i) {
    log_x.push_back(std::log(x[i]));
    log_y.push_back(std::log(y[i]));
    if (!std::isfinite(log_x.back()) || !std::isfinite(log_y.back())) {
      return std::nullopt;
    }
  }
  const auto [low, high] = std::minmax_element(log_x.begin(), log_x.end());
  if (!(*high > *low)) {
    return std::nullopt;
  }
  const std::vector<double> w = weights.empty()
                                    ? std::vector<double>(x.size(), 1.0)
                                    : std::vector<double>(weights.begin(), weights.end());
  const Line ols = least_squares(log_x, log_y, w);
  const Line line = options.robust ? huber(log_x, log_y, w, ols) : ols;

  LogLine law{.log_k = line(0.0), .exponent = line.slope, .r_squared = std::nullopt};
  double residual = 0, total = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    residual += w[i] * std::pow(log_y[i] - line(log_x[i]), 2);
    total += w[i] * std::pow(log_y[i] - ols.middle_y, 2);
  }
  if (x.size() > 2) {
    law.r_squared = total > 0 ? 1 - residual / total : 1.0;
  }
  return law;
}

std::vector<double> monotone(std::span<const double> values, std::span<const double> weights) {
  struct Block {
    double mean, weight;
    size_t count;
  };
  std::vector<Block> blocks;
  for (size_t i = 0; i < values.size(); ++i) {
    blocks.push_back({values[i], weights.empty() ? 1.0 : weights[i], 1});
    while (blocks.size() > 1 && blocks[blocks.size() - 2].mean > blocks.back().mean) {
      const Block last = blocks.back();
      blocks.pop_back();
      Block& into = blocks.back();
      into.mean = (into.mean * into.weight + last.mean * last.weight) / (into.weight + last.weight);
      into.weight += last.weight;
      into.count += last.count;
    }
  }
  std::vector<double> result;
  for (const Block& block : blocks) {
    result.insert(result.end(), block.count, block.mean);
  }
  return result;
}

}  // namespace ff::analysis
