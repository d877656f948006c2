// SPDX-License-Identifier: MIT
#include "small_fit.h"

#include "../parallel.h"
#include "../quiet_ceres.h"

#include <ceres/ceres.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <optional>

namespace ff::analysis {
namespace {

constexpr double kStep = 1e-5;        // of central differences for first derivatives
constexpr double kSecondStep = 3e-4;  // and for second ones
constexpr int kNewtonSteps = 60;

/// One run's residual, with central differences.
class RunCost final : public ceres::CostFunction {
 public:
  RunCost(const SmallProblem& problem, size_t run) : problem_(problem), run_(run) {
    set_num_residuals(1);
    mutable_parameter_block_sizes()->assign({static_cast<int>(problem.parameters.size())});
  }

  bool Evaluate(double const* const* parameters,
                double* residuals,
                double** jacobians) const override {
    const auto count = static_cast<Eigen::Index>(problem_.parameters.size());
    Eigen::VectorXd theta = Eigen::Map<const Eigen::VectorXd>(parameters[0], count);
    residuals[0] = finite(problem_.residual(theta, run_));
    if (jacobians != nullptr && jacobians[0] != nullptr) {
      for (Eigen::Index k = 0; k < count; ++k) {
        const double at = theta(k);
        theta(k) = at + kStep;
        const double up = finite(problem_.residual(theta, run_));
        theta(k) = at - kStep;
        jacobians[0][k] = (up - finite(problem_.residual(theta, run_))) / (2 * kStep);
        theta(k) = at;
      }
    }
    return true;
  }

 private:
  /// A step too far is bad, not an error (which Ceres would log).
  static double finite(double residual) { return std::isfinite(residual) ? residual : 1e6; }

  const SmallProblem& problem_;
  size_t run_;
};

double huber(double residual, double delta) {
  const double size = std::abs(residual), inner = std::min(size, delta);
  return inner * (size - 0.5 * inner);
}

double objective(const SmallProblem& problem, const Eigen::VectorXd& theta) {
  double sum = 0;
  for (size_t i = 0; i < problem.runs; ++i) {
    sum += huber(problem.residual(theta, i), problem.delta);
  }
  return std::isfinite(sum) ? sum : std::numeric_limits<double>::infinity();
}

struct Derivatives {
  Eigen::VectorXd gradient;
  Eigen::MatrixXd hessian;
};

/// Of the objective. The residuals are differentiated, not their Huber losses, which have kinks in
/// their second derivative.
Derivatives derivatives(const SmallProblem& problem, const Eigen::VectorXd& theta) {
  const Eigen::Index count = theta.size();
  Derivatives sum{Eigen::VectorXd::Zero(count), Eigen::MatrixXd::Zero(count, count)};
  Eigen::VectorXd slope(count);
  Eigen::MatrixXd curvature(count, count);
  for (size_t i = 0; i < problem.runs; ++i) {
    const auto at = [&](Eigen::Index k, double dk, Eigen::Index l, double dl) {
      Eigen::VectorXd moved = theta;
      moved(k) += dk;
      moved(l) += dl;
      return problem.residual(moved, i);
    };
    const double here = problem.residual(theta, i), h = kSecondStep;
    for (Eigen::Index k = 0; k < count; ++k) {
      slope(k) = (at(k, kStep, k, 0) - at(k, -kStep, k, 0)) / (2 * kStep);
      curvature(k, k) = (at(k, h, k, 0) - 2 * here + at(k, -h, k, 0)) / (h * h);
      for (Eigen::Index l = 0; l < k; ++l) {
        curvature(k, l) = curvature(l, k) =
            (at(k, h, l, h) - at(k, h, l, -h) - at(k, -h, l, h) + at(k, -h, l, -h)) / (4 * h * h);
      }
    }
    const double rho_slope = std::clamp(here, -problem.delta, problem.delta);
    sum.gradient += rho_slope * slope;
    sum.hessian += rho_slope * curvature;
    if (std::abs(here) <= problem.delta) {
      sum.hessian += slope * slope.transpose();
    }
  }
  return sum;
}

double decrement(const Derivatives& at, double objective) {
  const Eigen::LLT<Eigen::MatrixXd> cholesky(at.hessian);
  if (cholesky.info() != Eigen::Success) {
    return std::numeric_limits<double>::infinity();
  }
  return std::max(0.0, 0.5 * at.gradient.dot(cholesky.solve(at.gradient))) / objective;
}

/// A Newton step, damped until the objective falls; false if it does not.
bool step_down(const SmallProblem& problem,
               const Derivatives& at,
               SmallMinimum& end,
               double& damping) {
  constexpr int kTries = 25;
  const Eigen::VectorXd scale = at.hessian.diagonal().cwiseAbs().cwiseMax(1e-12);
  for (int i = 0; i < kTries; ++i) {
    Eigen::MatrixXd matrix = at.hessian;
    matrix.diagonal() += damping * scale;
    const Eigen::LLT<Eigen::MatrixXd> cholesky(matrix);
    if (cholesky.info() == Eigen::Success) {
      const Eigen::VectorXd theta = end.theta - cholesky.solve(at.gradient);
      const double there = objective(problem, theta);
      if (there < end.objective) {
        end.theta = theta;
        end.objective = there;
        damping = damping > 1e-6 ? damping / 10 : 0;
        return true;
      }
    }
    damping = std::max(1e-4, 4 * damping);
  }
  return false;
}

/// Ceres' minimum, with at most one parameter held.
Eigen::VectorXd solve(const SmallProblem& problem,
                      Eigen::VectorXd theta,
                      double tolerance,
                      std::optional<int> fixed) {
  quiet_ceres();
  ceres::Problem ceres_problem;
  for (size_t i = 0; i < problem.runs; ++i) {
    ceres::LossFunction* loss =
        std::isfinite(problem.delta) ? new ceres::HuberLoss(problem.delta) : nullptr;
    ceres_problem.AddResidualBlock(new RunCost(problem, i), loss, theta.data());
  }
  if (fixed && theta.size() == 1) {
    return theta;
  }
  if (fixed) {
    ceres_problem.SetManifold(theta.data(),
                              new ceres::SubsetManifold(static_cast<int>(theta.size()), {*fixed}));
  }
  ceres::Solver::Options options;
  options.linear_solver_type = ceres::DENSE_QR;
  options.logging_type = ceres::SILENT;
  options.max_num_iterations = 300;
  options.function_tolerance = 1e-3 * tolerance;
  options.gradient_tolerance = 1e-16;
  options.parameter_tolerance = 1e-12;
  options.num_threads = 1;
  ceres::Solver::Summary summary;
  ceres::Solve(options, &ceres_problem, &summary);
  return theta;
}

double condition_number(const SmallProblem& problem, const Eigen::VectorXd& theta) {
  const auto runs = static_cast<Eigen::Index>(problem.runs);
  Eigen::MatrixXd jacobian(runs, theta.size());
  for (Eigen::Index k = 0; k < theta.size(); ++k) {
    Eigen::VectorXd up = theta, down = theta;
    up(k) += kStep;
    down(k) -= kStep;
    for (Eigen::Index i = 0; i < runs; ++i) {
      const auto run = static_cast<size_t>(i);
      jacobian(i, k) = (problem.residual(up, run) - problem.residual(down, run)) / (2 * kStep);
    }
  }
  jacobian.colwise().normalize();
  const Eigen::VectorXd values = Eigen::JacobiSVD<Eigen::MatrixXd>(jacobian).singularValues();
  return values(values.size() - 1) > 0 ? values(0) / values(values.size() - 1)
                                       : std::numeric_limits<double>::infinity();
}

std::vector<FlatDirection> flat_directions(const SmallProblem& problem, const SmallMinimum& best) {
  std::vector<FlatDirection> flat;
  for (size_t k = 0; k < problem.parameters.size(); ++k) {
    const SmallParameter& parameter = problem.parameters[k];
    const auto at = static_cast<Eigen::Index>(k);
    for (const double move : parameter.profile) {
      Eigen::VectorXd theta = best.theta;
      theta(at) += move;
      theta = solve(problem, theta, 1e-8, static_cast<int>(k));
      const double rise = objective(problem, theta) / best.objective - 1;
      if (rise < kFlatRise) {
        flat.push_back({.parameter = parameter.name,
                        .from = parameter.shown(best.theta(at)),
                        .to = parameter.shown(theta(at)),
                        .rise = rise});
      }
    }
  }
  return flat;
}

}  // namespace

SmallMinimum minimize(const SmallProblem& problem, const Eigen::VectorXd& start, double tolerance) {
  SmallMinimum end;
  end.theta = solve(problem, start, tolerance, std::nullopt);
  end.objective = objective(problem, end.theta);
  // Ceres' reweighting converges slowly where most residuals are beyond delta; Newton does not.
  double damping = 0;
  for (int i = 0; i < kNewtonSteps; ++i) {
    const Derivatives at = derivatives(problem, end.theta);
    end.gradient_norm = at.gradient.norm();
    end.decrement = decrement(at, end.objective);
    if (end.decrement < tolerance || !at.hessian.allFinite() ||
        !step_down(problem, at, end, damping)) {
      break;
    }
  }
  return end;
}

SmallFit fit_small(
    const SmallProblem& problem,
    std::span<const Eigen::VectorXd> starts,
    double tolerance,
    const std::function<std::vector<std::string>(const Eigen::VectorXd&)>& bounds_hit) {
  std::vector<SmallMinimum> found(starts.size());
  parallel_for(static_cast<int64_t>(starts.size()), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    found[at] = minimize(problem, starts[at], tolerance);
  });
  SmallFit fit;
  fit.best = *std::min_element(
      found.begin(), found.end(), [](const SmallMinimum& left, const SmallMinimum& right) {
        return left.objective < right.objective;
      });
  std::vector<double> objectives;
  for (const SmallMinimum& minimum : found) {
    objectives.push_back(minimum.objective);
  }
  const double rounding = 1e-20 * static_cast<double>(problem.runs);
  fit.certificate = certificate_of(fit.best.objective, fit.best.decrement, objectives, rounding);
  Certificate& certificate = fit.certificate;
  certificate.gradient_norm = fit.best.gradient_norm;
  certificate.bounds_hit = bounds_hit(fit.best.theta);
  certificate.condition_number = condition_number(problem, fit.best.theta);
  if (certificate.bounds_hit.empty() && certificate.converged()) {
    certificate.flat_directions = flat_directions(problem, fit.best);
  }
  return fit;
}

}  // namespace ff::analysis
