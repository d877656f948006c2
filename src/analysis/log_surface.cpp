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

  [[nodiscard]] std::vector<double> absolute_residuals(const LogVector& theta) const {
    std::vector<double> sizes;
    for (size_t i = 0; i < runs.x.size(); ++i) {
      const double predicted =
          std::log(std::exp(theta[kLogA] - theta[kLogAlpha] * runs.x[i]) +
                   std::exp(theta[kLogB] - theta[kLogBeta] * runs.y[i]) + std::exp(theta[kLogE]));
      sizes.push_back(std::abs(predicted - runs.log_loss[i]));
    }
    return sizes;
  }
};

namespace {

static_assert(kLogParameters == kSurfaceParameters);
constexpr Eigen::Index kCount = kLogParameters;
using Vector = Eigen::Matrix<double, kCount, 1>;
using Matrix = Eigen::Matrix<double, kCount, kCount>;
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
constexpr double kSteadyGain = 0.9;  // of a damped step: its model holds further on
constexpr double kNewtonGain = 0.2;  // of the predicted decrease, else the step is refused

Matrix symmetric(const std::array<double, 15>& lower) {
  Matrix matrix;
  for (Eigen::Index i = 0, k = 0; i < kCount; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j, ++k) {
      matrix(i, j) = matrix(j, i) = lower[static_cast<size_t>(k)];
    }
  }
  return matrix;
}

struct Evaluation {
  double value = kInfinity;
  Vector gradient;
  Matrix hessian, reweighted;
};

/// The Newton step where the Hessian is positive definite.
std::optional<Vector> newton_step(const Evaluation& at) {
  const Eigen::LLT<Matrix> cholesky(at.hessian);
  if (cholesky.info() != Eigen::Success) {
    return std::nullopt;
  }
  const Vector step = -cholesky.solve(at.gradient);
  return step.allFinite() ? std::optional(step) : std::nullopt;
}

double decrement(const Evaluation& at, const std::optional<Vector>& newton) {
  if (!newton) {
    return kInfinity;
  }
  const double gain = -0.5 * at.gradient.dot(*newton);
  return gain <= 0 ? 0.0 : gain / at.value;
}

/// One descent at one delta.
class Descent {
 public:
  Descent(const LogRuns& runs, double delta, std::optional<size_t> fixed)
      : runs_(runs), scratch_(runs.x.size()), delta_(delta) {
    if (fixed) {
      fixed_ = static_cast<Eigen::Index>(*fixed);
    }
  }

  [[nodiscard]] Evaluation evaluate(const Vector& theta) {
    const SurfaceSums sums = surface_sums(runs_, view(theta), delta_, scratch_);
    Evaluation at;
    at.value = sums.value;
    at.gradient = Eigen::Map<const Vector>(sums.gradient.data());
    at.hessian = symmetric(sums.hessian);
    at.reweighted = symmetric(sums.reweighted);
    if (fixed_) {
      at.gradient(*fixed_) = 0;
      for (Matrix* matrix : {&at.hessian, &at.reweighted}) {
        matrix->row(*fixed_).setZero();
        matrix->col(*fixed_).setZero();
        (*matrix)(*fixed_, *fixed_) = 1;
      }
    }
    return at;
  }

  LogMinimum run(const LogVector& start, double tolerance, int max_iterations) {
    Vector theta = Eigen::Map<const Vector>(start.data());
    LogMinimum end;
    Evaluation at = evaluate(theta);
    double damping = 1e-2;
    for (; end.iterations < max_iterations; ++end.iterations) {
      const std::optional<Vector> newton = newton_step(at);
      if (decrement(at, newton) < tolerance || theta.head<3>().minCoeff() < kVanishedLog) {
        break;
      }
      if (!(newton && try_newton(theta, at, *newton)) && !try_damped(theta, at, damping)) {
        break;
      }
      at = evaluate(theta);
    }
    std::copy_n(theta.data(), kLogParameters, end.theta.begin());
    end.objective = at.value;
    end.gradient_norm = at.gradient.norm();
    end.decrement = decrement(at, newton_step(at));
    return end;
  }

 private:
  static std::span<const double, kSurfaceParameters> view(const Vector& theta) {
    return std::span<const double, kSurfaceParameters>(theta.data(), kSurfaceParameters);
  }

  /// Moves theta there if f falls by at least `share` of what its model `predicted`.
  bool accept(Vector& theta, const Vector& to, double from, double predicted, double share) {
    const double value = surface_value(runs_, view(to), delta_, scratch_);
    if (!std::isfinite(value) || !(from - value > share * predicted)) {
      return false;
    }
    gain_ = (from - value) / predicted;
    theta = to;
    return true;
  }

  bool try_newton(Vector& theta, const Evaluation& at, const Vector& step) {
    return step.cwiseAbs().maxCoeff() < kLongestNewtonStep &&
           accept(theta, theta + step, at.value, -0.5 * at.gradient.dot(step), kNewtonGain);
  }

  /// Goes on in a direction that has just proved good, by factors of 2, as long as f falls: with a
  /// tiny delta the next kink may lie many reweighted steps away.
  void extend(Vector& theta, const Vector& from, double value) {
    constexpr int kDoublings = 20;
    Vector step = theta - from;
    for (int i = 0; i < kDoublings; ++i) {
      step *= 2;
      const double there = surface_value(runs_, view(from + step), delta_, scratch_);
      if (!(there < value)) {
        return;
      }
      theta = from + step;
      value = there;
    }
  }

  /// Levenberg-Marquardt on the reweighted problem, which is convex.
  bool try_damped(Vector& theta, const Evaluation& at, double& damping) {
    constexpr int kTries = 30;
    const Vector from = theta;
    for (int i = 0; i < kTries; ++i) {
      Matrix matrix = at.reweighted;
      matrix.diagonal() *= 1 + damping;
      matrix.diagonal().array() += 1e-12 * at.reweighted.trace();
      const Vector step = -matrix.llt().solve(at.gradient);
      const double predicted = -at.gradient.dot(step) - 0.5 * step.dot(at.reweighted * step);
      if (!(predicted > 1e-16 * at.value)) {
        return false;
      }
      if (accept(theta, theta + step, at.value, predicted, 1e-3)) {
        damping = gain_ > 0.5 ? std::max(damping / 8, 1e-7) : gain_ < 0.2 ? 3 * damping : damping;
        if (gain_ > kSteadyGain) {
          extend(theta, from, at.value - gain_ * predicted);
        }
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
  LogVector theta{};
  for (size_t i = 0; i < 3; ++i) {
    const auto at = static_cast<Eigen::Index>(i);
    // max(least, NaN) is least: a degenerate system gives a start all the same.
    theta[i] = std::log(std::max(kLeastShare * data_->mean_loss / mean(at), solution(at)));
  }
  theta[kLogAlpha] = alpha;
  theta[kLogBeta] = beta;
  return theta;
}

LogVector LogSurface::theta_of(const Surface& surface) const {
  return {std::log(surface.A) - surface.alpha * data_->middle_n,
          std::log(surface.B) - surface.beta * data_->middle_d,
          std::log(surface.E),
          surface.alpha,
          surface.beta};
}

Surface LogSurface::surface(const LogVector& theta) const {
  return {.E = std::exp(theta[kLogE]),
          .A = std::exp(theta[kLogA] + theta[kLogAlpha] * data_->middle_n),
          .B = std::exp(theta[kLogB] + theta[kLogBeta] * data_->middle_d),
          .alpha = theta[kLogAlpha],
          .beta = theta[kLogBeta]};
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
  LogMinimum end =
      Descent(data_->runs, search.delta, search.fixed).run(theta, search.tolerance, kMaxIterations);
  end.iterations += iterations;
  return end;
}

LogMinimum LogSurface::examine(const LogVector& theta, double delta) const {
  return Descent(data_->runs, delta, std::nullopt).run(theta, 0.0, 0);
}

double LogSurface::condition_number(const LogVector& theta) const {
  const LogRuns& runs = data_->runs;
  const auto n = static_cast<Eigen::Index>(runs.x.size());
  Eigen::Matrix<double, Eigen::Dynamic, kCount> jacobian(n, kCount);
  for (Eigen::Index i = 0; i < n; ++i) {
    const double x = runs.x[static_cast<size_t>(i)], y = runs.y[static_cast<size_t>(i)];
    const double u = std::exp(theta[kLogA] - theta[kLogAlpha] * x);
    const double v = std::exp(theta[kLogB] - theta[kLogBeta] * y);
    const double w = std::exp(theta[kLogE]);
    jacobian.row(i) << u, v, w, -u * x, -v * y;
    jacobian.row(i) /= u + v + w;
  }
  jacobian.colwise().normalize();
  const Eigen::VectorXd values =
      Eigen::JacobiSVD<Eigen::MatrixXd>(Eigen::MatrixXd(jacobian)).singularValues();
  const double smallest = values(kCount - 1);
  return smallest > 0 ? values(0) / smallest : kInfinity;
}

std::array<double, 3> LogSurface::largest_shares(const LogVector& theta) const {
  std::array<double, 3> largest{};
  for (size_t i = 0; i < data_->runs.x.size(); ++i) {
    const std::array<double, 3> terms = {
        std::exp(theta[kLogA] - theta[kLogAlpha] * data_->runs.x[i]),
        std::exp(theta[kLogB] - theta[kLogBeta] * data_->runs.y[i]),
        std::exp(theta[kLogE])};
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
  double sum = 0;
  for (const double size : data_->absolute_residuals(theta)) {
    sum += size;
  }
  return sum;
}

double LogSurface::share_beyond(const LogVector& theta, double delta) const {
  const std::vector<double> sizes = data_->absolute_residuals(theta);
  const auto beyond =
      std::count_if(sizes.begin(), sizes.end(), [delta](double size) { return size > delta; });
  return static_cast<double>(beyond) / static_cast<double>(sizes.size());
}

}  // namespace ff::analysis
