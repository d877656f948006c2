// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/validation.h"

#include "flops_fit/analysis/parabola.h"

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
  io::Json rows = io::Json::array();
  RootMeanSquare sizes, losses;
  for (const std::span<const Point> group : by_budget(points)) {
    const double budget = group.front().budget;
    std::vector<Point> rest;
    for (const Point& point : points) {
      if (point.budget != budget) {
        rest.push_back(point);
      }
    }
    const Fit refit = estimator.refit(rest, options, fit);
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

}  // namespace ff::analysis
