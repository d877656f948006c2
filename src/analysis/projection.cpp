// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/projection.h"

#include "quiet_ceres.h"

#include <ceres/ceres.h>

#include <Eigen/Dense>
#include <array>
#include <cmath>
#include <limits>

namespace ff::analysis {
namespace {

using Columns = Eigen::Matrix<double, Eigen::Dynamic, 3>;

/// The inner problem's answer: non-negative coefficients of (1, N^-alpha, D^-beta), and which of
/// them are free (not held at 0).
struct Inner {
  Eigen::Vector3d coefficients = Eigen::Vector3d::Zero();
  std::array<bool, 3> free = {true, true, true};
  Eigen::VectorXd residual;
  Eigen::HouseholderQR<Eigen::MatrixXd> qr;  // of the free columns
  double sum_squares = std::numeric_limits<double>::infinity();
};

Inner solve_subset(const Columns& columns, const Eigen::VectorXd& y, std::array<bool, 3> free) {
  Inner inner;
  inner.free = free;
  Eigen::Index count = 0;
  Eigen::MatrixXd chosen(columns.rows(), 3);
  for (Eigen::Index j = 0; j < 3; ++j) {
    if (free[static_cast<size_t>(j)]) {
      chosen.col(count++) = columns.col(j);
    }
  }
  chosen.conservativeResize(Eigen::NoChange, count);
  if (count == 0) {
    inner.residual = y;
    inner.sum_squares = y.squaredNorm();
    return inner;
  }
  inner.qr.compute(chosen);
  const Eigen::VectorXd solution = inner.qr.solve(y);

  for (Eigen::Index j = 0, k = 0; j < 3; ++j) {
    if (free[static_cast<size_t>(j)]) {
      inner.coefficients(j) = solution(k++);
    }
  }
  inner.residual = y - columns * inner.coefficients;
  inner.sum_squares = inner.residual.squaredNorm();
  return inner;
}

/// Non-negative least squares with three columns. The problem is convex, so the unconstrained
/// solution is the answer if it is feasible; otherwise the best feasible subset of columns is.
Inner solve_nonnegative(const Columns& columns,
                        const Eigen::VectorXd& losses,
                        std::optional<double> fixed_e = std::nullopt) {
  const bool fit_e = !fixed_e;
  const Eigen::VectorXd y = losses.array() - fixed_e.value_or(0.0);
  const auto feasible = [](const Inner& inner) {
    return inner.coefficients.allFinite() && inner.coefficients.minCoeff() >= 0;
  };
  Inner best = solve_subset(columns, y, {fit_e, true, true});
  if (feasible(best)) {
    return best;
  }
  best.sum_squares = std::numeric_limits<double>::infinity();
  for (int mask = 0; mask < 7; ++mask) {
    if ((mask & 1) != 0 && !fit_e) {
      continue;
    }
    Inner inner = solve_subset(columns, y, {(mask & 1) != 0, (mask & 2) != 0, (mask & 4) != 0});
    if (feasible(inner) && inner.sum_squares < best.sum_squares) {
      best = std::move(inner);
    }
  }
  return best;
}

}  // namespace

struct ProjectedSurface::Data {
  Eigen::VectorXd log_n, log_d;  // centred
  Eigen::VectorXd loss;
  double middle_n = 0.0, middle_d = 0.0;
  double total_squares = 0.0;

  Columns columns(const Exponents& at) const {
    Columns result(loss.size(), 3);
    result.col(0).setOnes();
    result.col(1) = (-at.alpha * log_n.array()).exp();
    result.col(2) = (-at.beta * log_d.array()).exp();
    return result;
  }

  Surface surface(const Inner& inner, const Exponents& at) const {
    return {.E = inner.coefficients(0),
            .A = inner.coefficients(1) * std::exp(at.alpha * middle_n),
            .B = inner.coefficients(2) * std::exp(at.beta * middle_d),
            .alpha = at.alpha,
            .beta = at.beta};
  }

  /// d residual / d(alpha, beta) in Kaufman's form: the derivative of the model at fixed
  /// coefficients, projected off the free columns. J^T r is the exact gradient of f/2.
  Eigen::Matrix<double, Eigen::Dynamic, 2> jacobian(const Columns& columns,
                                                    const Inner& inner) const {
    Eigen::Matrix<double, Eigen::Dynamic, 2> result(loss.size(), 2);
    result.col(0) = inner.coefficients(1) * log_n.cwiseProduct(columns.col(1));
    result.col(1) = inner.coefficients(2) * log_d.cwiseProduct(columns.col(2));
    if (inner.qr.cols() == 0) {
      return result;
    }
    const auto q = inner.qr.householderQ();
    Eigen::MatrixXd rotated = q.adjoint() * Eigen::MatrixXd(result);
    rotated.topRows(inner.qr.cols()).setZero();
    return q * rotated;
  }
};

namespace {

/// The projected residuals as a Ceres cost. Values are scaled to a total sum of squares of 1, so
/// that Ceres' tolerances mean the same for every data set.
template <class Data>
class ProjectedCost final : public ceres::CostFunction {
 public:
  ProjectedCost(const Data& data, std::optional<double> fixed_e)
      : data_(data), fixed_e_(fixed_e), scale_(1 / std::sqrt(data.total_squares)) {
    set_num_residuals(static_cast<int>(data.loss.size()));
    mutable_parameter_block_sizes()->assign({1, 1});
  }

  bool Evaluate(double const* const* parameters,
                double* residuals,
                double** jacobians) const override {
    const Exponents at{parameters[0][0], parameters[1][0]};
    const Columns columns = data_.columns(at);
    const Inner inner = solve_nonnegative(columns, data_.loss, fixed_e_);
    if (!std::isfinite(inner.sum_squares)) {
      return false;
    }
    const Eigen::Index n = data_.loss.size();
    Eigen::Map<Eigen::VectorXd>(residuals, n) = scale_ * inner.residual;
    if (jacobians != nullptr) {
      const Eigen::Matrix<double, Eigen::Dynamic, 2> slopes = data_.jacobian(columns, inner);
      for (Eigen::Index j = 0; j < 2; ++j) {
        if (jacobians[j] != nullptr) {
          Eigen::Map<Eigen::VectorXd>(jacobians[j], n) = scale_ * slopes.col(j);
        }
      }
    }
    return true;
  }

 private:
  const Data& data_;
  std::optional<double> fixed_e_;
  double scale_;
};

}  // namespace

ProjectedSurface::ProjectedSurface(std::span<const Point> points) {
  auto data = std::make_unique<Data>();
  const auto n = static_cast<Eigen::Index>(points.size());
  data->log_n.resize(n);
  data->log_d.resize(n);
  data->loss.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Point& point = points[static_cast<size_t>(i)];
    data->log_n(i) = std::log(point.n);
    data->log_d(i) = std::log(point.d);
    data->loss(i) = point.loss;
  }
  data->middle_n = data->log_n.mean();
  data->middle_d = data->log_d.mean();
  data->log_n.array() -= data->middle_n;
  data->log_d.array() -= data->middle_d;
  data->total_squares = (data->loss.array() - data->loss.mean()).square().sum();
  data_ = std::move(data);
}

ProjectedSurface::~ProjectedSurface() = default;

double ProjectedSurface::total_squares() const {
  return data_->total_squares;
}

double ProjectedSurface::sum_squares(const Exponents& at) const {
  return solve_nonnegative(data_->columns(at), data_->loss).sum_squares;
}

ProjectedFit ProjectedSurface::minimize(const Exponents& start,
                                        const ProjectedSearch& search) const {
  quiet_ceres();
  double exponents[2] = {start.alpha, start.beta};
  ceres::Problem problem;
  problem.AddResidualBlock(
      new ProjectedCost<Data>(*data_, search.fixed_e), nullptr, &exponents[0], &exponents[1]);
  for (double& exponent : exponents) {
    problem.SetParameterLowerBound(&exponent, 0, kMinExponent);
    problem.SetParameterUpperBound(&exponent, 0, kMaxExponent);
  }
  if (search.fixed_alpha) {
    problem.SetParameterBlockConstant(&exponents[0]);
  }
  if (search.fixed_beta) {
    problem.SetParameterBlockConstant(&exponents[1]);
  }
  ceres::Solver::Options options;
  options.linear_solver_type = ceres::DENSE_QR;
  options.logging_type = ceres::SILENT;
  options.max_num_iterations = 200;
  options.function_tolerance = search.tolerance;
  options.gradient_tolerance = 1e-14;
  options.parameter_tolerance = 1e-12;
  options.num_threads = 1;
  ceres::Solver::Summary summary;
  ceres::Solve(options, &problem, &summary);

  const Exponents at{exponents[0], exponents[1]};
  const Columns columns = data_->columns(at);
  const Inner inner = solve_nonnegative(columns, data_->loss, search.fixed_e);
  ProjectedFit fit;
  fit.surface = data_->surface(inner, at);
  fit.surface.E = search.fixed_e.value_or(fit.surface.E);
  fit.sum_squares = inner.sum_squares;
  if (std::isfinite(fit.sum_squares)) {
    const auto jacobian = data_->jacobian(columns, inner);
    const Eigen::Vector2d slope = jacobian.transpose() * inner.residual;  // of f/2
    fit.gradient = 2 * slope.norm() / data_->total_squares;
    const Eigen::Matrix2d normal = jacobian.transpose() * jacobian;
    fit.decrement = slope.dot(normal.ldlt().solve(slope)) / inner.sum_squares;
    const double deviation =
        std::sqrt(data_->total_squares / static_cast<double>(data_->loss.size()));
    const auto range = [&](Eigen::Index j) {
      return inner.coefficients(j) * (columns.col(j).maxCoeff() - columns.col(j).minCoeff()) /
             deviation;
    };
    fit.size_range = range(1);
    fit.token_range = range(2);
  }
  fit.converged = summary.termination_type == ceres::CONVERGENCE && std::isfinite(fit.sum_squares);
  return fit;
}

double ProjectedSurface::condition_number(const Surface& surface) const {
  const Columns columns = data_->columns({surface.alpha, surface.beta});
  Eigen::Matrix<double, Eigen::Dynamic, 5> jacobian(columns.rows(), 5);
  jacobian << columns, data_->log_n.cwiseProduct(columns.col(1)),
      data_->log_d.cwiseProduct(columns.col(2));
  jacobian.colwise().normalize();
  const Eigen::VectorXd values =
      Eigen::JacobiSVD<Eigen::MatrixXd>(Eigen::MatrixXd(jacobian)).singularValues();
  return values(4) > 0 ? values(0) / values(4) : std::numeric_limits<double>::infinity();
}

}  // namespace ff::analysis
