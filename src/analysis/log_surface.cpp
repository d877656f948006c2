// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/log_surface.h"

#include "log_surface_sums.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

namespace ff::analysis {

struct LogSurface::Data {
  LogRuns runs;
  double middle_n = 0.0, middle_d = 0.0, mean_loss = 0.0;
};

namespace {

static_assert(kLogParameters == static_cast<Eigen::Index>(kSurfaceParameters));
using LogMatrix = Eigen::Matrix<double, kLogParameters, kLogParameters>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr int kMaxIterations = 200;
constexpr int kMaxRoughIterations = 15;   // at a delta on the way
constexpr double kRoughTolerance = 1e-2;  // of the decrement there
constexpr double kFirstDelta = 0.05, kDeltaFactor = 8;
constexpr double kLeastShare = 0.02;  // of each term in a start
// A Newton step is tried only if no logarithm or exponent moves further: beyond, the quadratic
// model means nothing.
constexpr double kLongestNewtonStep = 2.0;
// A term this far below the losses has no influence left: its logarithm runs to minus infinity.
constexpr double kVanishedLog = -30.0;
constexpr double kNewtonGain = 0.2;  // of the predicted decrease, else the step is refused

LogMatrix symmetric(const std::array<double, 15>& lower) {
  LogMatrix matrix;
  for (Eigen::Index i = 0, k = 0; i < kLogParameters; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j, ++k) {
      matrix(i, j) = matrix(j, i) = lower[static_cast<size_t>(k)];
    }
  }
  return matrix;
}

struct Evaluation {
  double value = kInfinity;
  LogVector gradient;
  LogMatrix hessian, reweighted;
};

/// The Newton step where the Hessian is positive definite.
std::optional<LogVector> newton_step(const Evaluation& at) {
  const Eigen::LLT<LogMatrix> cholesky(at.hessian);
  if (cholesky.info() != Eigen::Success) {
    return std::nullopt;
  }
  const LogVector step = -cholesky.solve(at.gradient);
  return step.allFinite() ? std::optional(step) : std::nullopt;
}

double decrement(const Evaluation& at, const std::optional<LogVector>& newton) {
  if (!newton) {
    return kInfinity;
  }
  const double gain = -0.5 * at.gradient.dot(*newton);
  return gain <= 0 ? 0.0 : gain / at.value;
}

/// One descent at one delta.
class Descent {
 public:
  Descent(const LogRuns& runs, double delta, std::optional<Eigen::Index> fixed)
      : runs_(runs), scratch_(runs.x.size()), delta_(delta), fixed_(fixed) {}

  [[nodiscard]] Evaluation evaluate(const LogVector& theta) {
    const SurfaceSums sums = surface_sums(runs_, view(theta), delta_, scratch_);
    Evaluation at;
    at.value = sums.value;
    at.gradient = Eigen::Map<const LogVector>(sums.gradient.data());
    at.hessian = symmetric(sums.hessian);
    at.reweighted = symmetric(sums.reweighted);
    if (fixed_) {
      at.gradient(*fixed_) = 0;
      for (LogMatrix* matrix : {&at.hessian, &at.reweighted}) {
        matrix->row(*fixed_).setZero();
        matrix->col(*fixed_).setZero();
        (*matrix)(*fixed_, *fixed_) = 1;
      }
    }
    return at;
  }

  LogMinimum run(LogVector theta, double tolerance, int max_iterations) {
    LogMinimum end;
    Evaluation at = evaluate(theta);
    double damping = 1e-2;
    for (; end.iterations < max_iterations; ++end.iterations) {
      const std::optional<LogVector> newton = newton_step(at);
      if (decrement(at, newton) < tolerance || theta.head<3>().minCoeff() < kVanishedLog) {
        break;
      }
      if (!(newton && try_newton(theta, at, *newton)) && !try_damped(theta, at, damping)) {
        break;
      }
      at = evaluate(theta);
    }
    end.theta = theta;
    end.objective = at.value;
    end.gradient_norm = at.gradient.norm();
    end.decrement = decrement(at, newton_step(at));
    return end;
  }

 private:
  static std::span<const double, kSurfaceParameters> view(const LogVector& theta) {
    return std::span<const double, kSurfaceParameters>(theta.data(), kSurfaceParameters);
  }

  /// Moves theta there if f falls by at least `share` of what its model `predicted`.
  bool accept(LogVector& theta, const LogVector& to, double from, double predicted, double share) {
    const double value = surface_value(runs_, view(to), delta_, scratch_);
    if (!std::isfinite(value) || !(from - value > share * predicted)) {
      return false;
    }
    gain_ = (from - value) / predicted;
    theta = to;
    return true;
  }

  bool try_newton(LogVector& theta, const Evaluation& at, const LogVector& step) {
    return step.cwiseAbs().maxCoeff() < kLongestNewtonStep &&
           accept(theta, theta + step, at.value, -0.5 * at.gradient.dot(step), kNewtonGain);
  }

  /// Levenberg-Marquardt on the reweighted problem, which is convex.
  bool try_damped(LogVector& theta, const Evaluation& at, double& damping) {
    constexpr int kTries = 30;
    for (int i = 0; i < kTries; ++i) {
      LogMatrix matrix = at.reweighted;
      matrix.diagonal() *= 1 + damping;
      matrix.diagonal().array() += 1e-12 * at.reweighted.trace();
      const LogVector step = -matrix.llt().solve(at.gradient);
      const double predicted = -at.gradient.dot(step) - 0.5 * step.dot(at.reweighted * step);
      if (!(predicted > 1e-16 * at.value)) {
        return false;
      }
      if (accept(theta, theta + step, at.value, predicted, 1e-3)) {
        damping = gain_ > 0.5 ? std::max(damping / 8, 1e-7) : gain_ < 0.2 ? 3 * damping : damping;
        return true;
      }
      damping = std::max(6 * damping, 1e-4);
    }
    return false;
  }

  const LogRuns& runs_;
  SurfaceScratch scratch_;
  double delta_;
  std::optional<Eigen::Index> fixed_;
  double gain_ = 0.0;
};

}  // namespace

LogSurface::LogSurface(std::span<const Point> points) {
  auto data = std::make_unique<Data>();
  const auto count = static_cast<double>(points.size());
  for (const Point& point : points) {
    data->runs.x.push_back(std::log(point.n));
    data->runs.y.push_back(std::log(point.d));
    data->runs.log_loss.push_back(std::log(point.loss));
    data->middle_n += data->runs.x.back() / count;
    data->middle_d += data->runs.y.back() / count;
    data->mean_loss += point.loss / count;
  }
  for (size_t i = 0; i < points.size(); ++i) {
    data->runs.x[i] -= data->middle_n;
    data->runs.y[i] -= data->middle_d;
  }
  data_ = std::move(data);
}

LogSurface::~LogSurface() = default;

LogVector LogSurface::start(double alpha, double beta) const {
  const LogRuns& runs = data_->runs;
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero(), mean = Eigen::Vector3d::Zero();
  for (size_t i = 0; i < runs.x.size(); ++i) {
    const Eigen::Vector3d row(std::exp(-alpha * runs.x[i]), std::exp(-beta * runs.y[i]), 1.0);
    normal += row * row.transpose();
    right += std::exp(runs.log_loss[i]) * row;
    mean += row / static_cast<double>(runs.x.size());
  }
  const Eigen::Vector3d solution = normal.ldlt().solve(right);
  LogVector theta;
  for (Eigen::Index i = 0; i < 3; ++i) {
    // max(least, NaN) is least: a degenerate system gives a start all the same.
    theta(i) = std::log(std::max(kLeastShare * data_->mean_loss / mean(i), solution(i)));
  }
  theta(kLogAlpha) = alpha;
  theta(kLogBeta) = beta;
  return theta;
}

LogVector LogSurface::theta_of(const Surface& surface) const {
  LogVector theta;
  theta << std::log(surface.A) - surface.alpha * data_->middle_n,
      std::log(surface.B) - surface.beta * data_->middle_d, std::log(surface.E), surface.alpha,
      surface.beta;
  return theta;
}

Surface LogSurface::surface(const LogVector& theta) const {
  return {.E = std::exp(theta(kLogE)),
          .A = std::exp(theta(kLogA) + theta(kLogAlpha) * data_->middle_n),
          .B = std::exp(theta(kLogB) + theta(kLogBeta) * data_->middle_d),
          .alpha = theta(kLogAlpha),
          .beta = theta(kLogBeta)};
}

LogMinimum LogSurface::minimize(const LogVector& start, const LogSearch& search) const {
  LogVector theta = start;
  int iterations = 0;
  if (!search.near) {
    for (double delta = kFirstDelta; delta > 1.5 * search.delta; delta /= kDeltaFactor) {
      const LogMinimum rough = Descent(data_->runs, delta, search.fixed)
                                   .run(theta, kRoughTolerance, kMaxRoughIterations);
      theta = rough.theta;
      iterations += rough.iterations;
    }
  }
  LogMinimum end = Descent(data_->runs, search.delta, search.fixed)
                       .run(theta, search.tolerance, kMaxIterations);
  end.iterations += iterations;
  return end;
}

LogMinimum LogSurface::examine(const LogVector& theta, double delta) const {
  return Descent(data_->runs, delta, std::nullopt).run(theta, 0.0, 0);
}

double LogSurface::condition_number(const LogVector& theta) const {
  const LogRuns& runs = data_->runs;
  const auto n = static_cast<Eigen::Index>(runs.x.size());
  Eigen::Matrix<double, Eigen::Dynamic, kLogParameters> jacobian(n, kLogParameters);
  for (Eigen::Index i = 0; i < n; ++i) {
    const double x = runs.x[static_cast<size_t>(i)], y = runs.y[static_cast<size_t>(i)];
    const double u = std::exp(theta(kLogA) - theta(kLogAlpha) * x);
    const double v = std::exp(theta(kLogB) - theta(kLogBeta) * y);
    const double w = std::exp(theta(kLogE));
    jacobian.row(i) << u, v, w, -u * x, -v * y;
    jacobian.row(i) /= u + v + w;
  }
  jacobian.colwise().normalize();
  const Eigen::VectorXd values =
      Eigen::JacobiSVD<Eigen::MatrixXd>(Eigen::MatrixXd(jacobian)).singularValues();
  const double smallest = values(kLogParameters - 1);
  return smallest > 0 ? values(0) / smallest : kInfinity;
}

std::array<double, 3> LogSurface::largest_shares(const LogVector& theta) const {
  std::array<double, 3> largest{};
  for (size_t i = 0; i < data_->runs.x.size(); ++i) {
    const std::array<double, 3> terms = {
        std::exp(theta(kLogA) - theta(kLogAlpha) * data_->runs.x[i]),
        std::exp(theta(kLogB) - theta(kLogBeta) * data_->runs.y[i]),
        std::exp(theta(kLogE))};
    for (size_t k = 0; k < terms.size(); ++k) {
      largest[k] = std::max(largest[k], terms[k] / (terms[0] + terms[1] + terms[2]));
    }
  }
  return largest;
}

size_t LogSurface::size() const {
  return data_->runs.x.size();
}

double LogSurface::sum_absolute_residuals(const LogVector& theta) const {
  const LogRuns& runs = data_->runs;
  double sum = 0;
  for (size_t i = 0; i < runs.x.size(); ++i) {
    sum += std::abs(std::log(std::exp(theta(kLogA) - theta(kLogAlpha) * runs.x[i]) +
                             std::exp(theta(kLogB) - theta(kLogBeta) * runs.y[i]) +
                             std::exp(theta(kLogE))) -
                    runs.log_loss[i]);
  }
  return sum;
}

}  // namespace ff::analysis
