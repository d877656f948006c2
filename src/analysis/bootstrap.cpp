// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/bootstrap.h"

#include "parallel.h"

#include "flops_fit/util/hash.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ff::analysis {
namespace {

constexpr double kMinUsable = 0.8;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// SplitMix64 (Steele et al. 2014): one word of state, so that a generator per replicate is free.
/// The standard distributions are left out because their output differs between libraries.
class Generator {
 public:
  explicit Generator(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// Below n; the modulo's bias is n / 2^64.
  size_t below(size_t n) { return static_cast<size_t>(next() % n); }

 private:
  uint64_t state_;
};

/// A resample in the order of `points`, so that its budgets stay sorted.
std::vector<Point> resample(std::span<const Point> points, bool stratified, Generator& random) {
  std::vector<size_t> drawn;
  drawn.reserve(points.size());
  const auto draw = [&](size_t offset, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      drawn.push_back(offset + random.below(count));
    }
  };
  if (stratified) {
    size_t offset = 0;
    for (const std::span<const Point> group : by_budget(points)) {
      draw(offset, group.size());
      offset += group.size();
    }
  } else {
    draw(0, points.size());
  }
  std::sort(drawn.begin(), drawn.end());
  std::vector<Point> result;
  result.reserve(points.size());
  for (const size_t i : drawn) {
    result.push_back(points[i]);
  }
  return result;
}

/// Standard deviation.
double deviation(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) {
    squares += (value - mean) * (value - mean);
  }
  return std::sqrt(squares / std::max(n - 1, 1.0));
}

/// The p-quantile of sorted values, linear between order statistics.
double quantile(const std::vector<double>& sorted, double p) {
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::vector<double> quantities_of(const Fit& fit,
                                  std::span<const double> targets,
                                  double flops_per_nd) {
  std::vector<double> values(first_extra(targets.size()), kNone);
  const auto put_law = [&values](size_t at, const std::optional<LogLine>& law) {
    if (law) {
      values[at] = std::exp(law->log_k);
      values[at + 1] = law->exponent;
    }
  };
  put_law(kNCoefficient, fit.n_law);
  put_law(kDCoefficient, fit.d_law);
  put_law(kLCoefficient, fit.l_law);
  if (fit.surface) {
    values[kE] = fit.surface->E;
    values[kA] = fit.surface->A;
    values[kB] = fit.surface->B;
    values[kAlpha] = fit.surface->alpha;
    values[kBeta] = fit.surface->beta;
  }
  if (fit.n_law && fit.d_law) {
    for (size_t t = 0; t < targets.size(); ++t) {
      values[kFirstTarget + 3 * t] = (*fit.n_law)(targets[t]);
      values[kFirstTarget + 3 * t + 1] = (*fit.d_law)(targets[t]);
      values[kFirstTarget + 3 * t + 2] = fit.loss_at(targets[t], flops_per_nd);
    }
  }
  for (const auto& [name, value] : fit.extra) {
    values.push_back(value);
  }
  return values;
}

Bootstrap bootstrap(const EstimatorEntry& estimator,
                    std::span<const Point> points,
                    const Fit& fit,
                    const FitOptions& options,
                    std::span<const double> targets,
                    const BootstrapConfig& config,
                    int64_t threads) {
  Bootstrap result;
  result.intervals.resize(first_extra(targets.size()) + fit.extra.size());
  result.standard_errors.resize(result.intervals.size());
  if (!fit.usable() || !estimator.resampled || config.replicates <= 0) {
    return result;
  }
  const auto replicates = static_cast<size_t>(config.replicates);
  std::vector<std::vector<double>> rows(replicates);  // empty: that replicate's fit failed
  const uint64_t seed = fnv1a(estimator.name) ^ static_cast<uint64_t>(config.seed);
  parallel_for(
      config.replicates,
      [&](int64_t i) {
        const auto r = static_cast<size_t>(i);
        Generator random(Generator(seed + 0x632be59bd9b4e019ULL * (r + 1)).next());
        const std::vector<Point> sample = resample(points, estimator.stratified, random);
        const Fit refit = estimator.refit(sample, options, fit);
        if (refit.usable()) {
          rows[r] = quantities_of(refit, targets, options.flops_per_nd);
        }
      },
      threads);

  result.replicates = config.replicates;
  std::vector<double> column;
  const double tail = 0.5 * (1 - config.confidence);
  const double excess = 1 + fit.excess_spread / static_cast<double>(points.size());
  const double needed = kMinUsable * static_cast<double>(replicates);
  result.usable =
      std::count_if(rows.begin(), rows.end(), [](const auto& row) { return !row.empty(); });
  for (size_t q = 0; q < result.intervals.size(); ++q) {
    column.clear();
    for (const std::vector<double>& row : rows) {
      if (!row.empty() && std::isfinite(row[q])) {
        column.push_back(row[q]);
      }
    }
    if (!column.empty() && static_cast<double>(column.size()) >= needed) {
      std::sort(column.begin(), column.end());
      const double middle = quantile(column, 0.5);
      const auto end = [&](double p) { return middle + (quantile(column, p) - middle) / excess; };
      result.intervals[q] = io::Interval{end(tail), end(1 - tail)};
      result.standard_errors[q] = deviation(column) / excess;
    }
  }
  return result;
}

}  // namespace ff::analysis
