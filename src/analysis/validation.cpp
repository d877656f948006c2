// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/validation.h"

#include "parallel.h"

#include "flops_fit/analysis/parabola.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace ff::analysis {
namespace {

/// What the held-out budget itself says.
struct Observed {
  std::optional<double> size;
  std::optional<double> loss;
};

Observed observe(std::span<const Point> group, const Fit& fit, const FitOptions& options) {
  if (fit.surface) {
    const Parabola parabola = fit_parabola(group, options.window_nats);
    if (parabola.status == "ok") {
      return {parabola.vertex_n, parabola.vertex_loss};
    }
    return {};
  }
  for (const io::OptimalPoint& optimum : fit.optima) {
    if (optimum.compute_budget == group.front().budget) {
      return {optimum.model_size, optimum.final_loss};
    }
  }
  return {};
}

/// Relative error of the predicted loss: over the runs where the law predicts each of them.
std::optional<double> loss_error(std::span<const Point> group,
                                 const Fit& refit,
                                 const Observed& observed,
                                 const FitOptions& options) {
  if (refit.surface) {
    double squares = 0;
    for (const Point& point : group) {
      squares += std::pow((*refit.surface)(point.n, point.d) / point.loss - 1, 2);
    }
    return std::sqrt(squares / static_cast<double>(group.size()));
  }
  if (!observed.loss) {
    return std::nullopt;
  }
  return std::abs(refit.loss_at(group.front().budget, options.flops_per_nd) / *observed.loss - 1);
}

class RootMeanSquare {
 public:
  void add(double value) {
    squares_ += value * value;
    ++count_;
  }
  io::Json value() const {
    return count_ > 0 ? io::number_or_null(std::sqrt(squares_ / count_)) : io::Json(nullptr);
  }

 private:
  double squares_ = 0.0;
  int count_ = 0;
};

}  // namespace

io::Json leave_one_budget_out(const EstimatorEntry& estimator,
                              std::span<const Point> points,
                              const Fit& fit,
                              const FitOptions& options) {
  const std::vector<std::span<const Point>> groups = by_budget(points);
  std::vector<Fit> refits(groups.size());
  parallel_for(static_cast<int64_t>(groups.size()), [&](int64_t i) {
    const double budget = groups[static_cast<size_t>(i)].front().budget;
    std::vector<Point> rest;
    std::copy_if(points.begin(), points.end(), std::back_inserter(rest), [&](const Point& point) {
      return point.budget != budget;
    });
    refits[static_cast<size_t>(i)] = estimator.refit(rest, options, fit);
  });
  io::Json rows = io::Json::array();
  RootMeanSquare sizes, losses;
  for (size_t i = 0; i < groups.size(); ++i) {
    const std::span<const Point> group = groups[i];
    const Fit& refit = refits[i];
    const double budget = group.front().budget;
    io::Json row = {{"compute_budget", budget}, {"status", refit.status}};
    if (refit.usable()) {
      const Observed observed = observe(group, fit, options);
      const double predicted = (*refit.n_law)(budget);
      const std::optional<double> error = loss_error(group, refit, observed, options);
      row["predicted_model_size"] = io::number_or_null(predicted);
      row["observed_model_size"] = io::number_or_null(observed.size);
      row["predicted_loss"] = io::number_or_null(refit.loss_at(budget, options.flops_per_nd));
      row["observed_loss"] = io::number_or_null(observed.loss);
      row["relative_loss_error"] = io::number_or_null(error);
      if (observed.size) {
        sizes.add(std::log(predicted / *observed.size));
      }
      if (error) {
        losses.add(*error);
      }
    }
    rows.push_back(std::move(row));
  }
  return {
      {"budgets", std::move(rows)}, {"rms_log_size", sizes.value()}, {"rms_loss", losses.value()}};
}

std::vector<double> rollout_cuts(std::span<const Point> points) {
  std::vector<double> cuts;
  for (const double share : {0.5, 0.65, 0.8, 0.9}) {
    const auto at = static_cast<size_t>(share * static_cast<double>(points.size()));
    const double cut = points[std::min(at, points.size() - 1)].budget;
    if (cut > points.front().budget && (cuts.empty() || cut > cuts.back())) {
      cuts.push_back(cut);
    }
  }
  return cuts;
}

io::Json rollout(const EstimatorEntry& estimator,
                 std::span<const Point> points,
                 const Fit& fit,
                 const FitOptions& options,
                 std::span<const double> cuts) {
  io::Json rows = io::Json::array();
  for (const double cut : cuts) {
    const auto above = std::partition_point(
        points.begin(), points.end(), [cut](const Point& point) { return point.budget < cut; });
    const std::span<const Point> train(points.begin(), above), test(above, points.end());
    const Fit refit = estimator.refit(train, options, fit);
    io::Json row = {{"cut_flops", cut},
                    {"train_runs", train.size()},
                    {"test_runs", test.size()},
                    {"status", refit.status}};
    if (refit.usable()) {
      double sum = 0;
      int count = 0;
      const auto add = [&](double predicted, double observed) {
        sum += std::abs(predicted / observed - 1);
        ++count;
      };
      if (refit.surface) {
        for (const Point& point : test) {
          add((*refit.surface)(point.n, point.d), point.loss);
        }
      } else {
        for (const io::OptimalPoint& optimum : fit.optima) {
          if (optimum.compute_budget >= cut) {
            add(refit.loss_at(optimum.compute_budget, options.flops_per_nd), optimum.final_loss);
          }
        }
      }
      row["exponent_a"] = io::number_or_null(refit.n_law->exponent);
      row["mean_relative_error"] = count > 0 ? io::number_or_null(sum / count) : io::Json(nullptr);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

io::Json jackknife(const EstimatorEntry& estimator,
                   std::span<const Point> points,
                   std::span<const std::string> ids,
                   const Fit& fit,
                   const FitOptions& options,
                   double target) {
  std::vector<Fit> refits(points.size());
  parallel_for(static_cast<int64_t>(points.size()), [&](int64_t i) {
    std::vector<Point> rest(points.begin(), points.end());
    rest.erase(rest.begin() + i);
    refits[static_cast<size_t>(i)] = estimator.refit(rest, options, fit);
  });
  const double full = (*fit.n_law)(target);
  double sum = 0, squares = 0, count = 0, furthest = -1;
  size_t most = 0;
  for (size_t i = 0; i < refits.size(); ++i) {
    if (refits[i].usable()) {
      const double exponent = refits[i].n_law->exponent;
      sum += exponent;
      squares += exponent * exponent;
      ++count;
      const double moved = std::abs(std::log((*refits[i].n_law)(target) / full));
      if (moved > furthest) {
        furthest = moved;
        most = i;
      }
    }
  }
  io::Json json = {{"runs", points.size()}, {"refits_usable", static_cast<int64_t>(count)}};
  if (count < 2) {
    return json;
  }
  const double variance = std::max(0.0, squares / count - sum * sum / (count * count));
  json["stderr_exponent_a"] = std::sqrt((count - 1) * variance);
  json["target_compute"] = target;
  json["most_influential"] = {{"experiment_id", ids[most]},
                              {"model_size", points[most].n},
                              {"num_tokens", points[most].d},
                              {"exponent_a_without", refits[most].n_law->exponent},
                              {"model_size_factor", (*refits[most].n_law)(target) / full}};
  return json;
}

}  // namespace ff::analysis
