// SPDX-License-Identifier: MIT
#include "log_fit.h"

#include "../parallel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ff::analysis {
namespace {

constexpr size_t kParameters = 5;
// Of a replicate: far below the spread of the replicates.
constexpr double kRefitTolerance = 1e-8;
// A median's spread depends on the density of the residuals near 0, of which resamples of few runs
// make too little (De Angelis, Hall & Young 1993): where all residuals count linearly, replicates
// spread 1.5 times too widely with 25 runs, 1.3 to 1.4 times with 35, 1.2 with 75 and 1.06 with 240
// (400 planted sweeps each), and 95% intervals cover 99%.
constexpr double kMedianExcess = 15;  // runs
// A term whose largest share in any predicted loss is below this does not count.
constexpr double kVanishedShare = 1e-6;

/// The minima move almost linearly with a small delta, so that each tells where to look for the
/// next.
LogMinimum minimize(const LogSurface& surface,
                    const LogVector& start,
                    const LogObjective& objective,
                    double tolerance,
                    bool near) {
  LogMinimum minimum;
  LogVector from = start, before = start;
  for (size_t i = 0; i < objective.deltas.size(); ++i) {
    const double delta = objective.deltas[i];
    minimum = surface.minimize(from, {.delta = delta, .tolerance = tolerance, .near = near});
    near = true;
    from = minimum.theta;
    if (i > 0 && i + 1 < objective.deltas.size()) {
      const double last = objective.deltas[i - 1], next = objective.deltas[i + 1];
      LogVector ahead = from;
      for (size_t k = 0; k < kLogParameters; ++k) {
        ahead[k] += (from[k] - before[k]) * (next - delta) / (delta - last);
      }
      if (surface.examine(ahead, next).objective < surface.examine(from, next).objective) {
        before = from;
        from = ahead;
        continue;
      }
    }
    before = minimum.theta;
  }
  return minimum;
}

std::vector<std::string> bounds_hit(const LogSurface& surface, const LogVector& theta) {
  const std::array<double, 3> shares = surface.largest_shares(theta);
  std::vector<std::string> hit;
  if (shares[2] < kVanishedShare) {
    hit.push_back("E = 0: the runs do not determine the irreducible loss");
  }
  if (shares[0] < kVanishedShare) {
    hit.push_back("A = 0: the losses do not fall with N");
  }
  if (shares[1] < kVanishedShare) {
    hit.push_back("B = 0: the losses do not fall with D");
  }
  const std::vector<std::string> exponents = exponent_bounds_hit(surface.surface(theta));
  if (hit.empty()) {  // of a term that is gone the exponent means nothing
    hit = exponents;
  }
  return hit;
}

/// Profile likelihood: E from its value to 0 and to its double, an exponent to half and double.
std::vector<FlatDirection> flat_directions(const LogSurface& surface,
                                           const LogMinimum& best,
                                           double delta) {
  struct Parameter {
    const char* name;
    LogParameter index;
    bool exponent;
  };
  std::vector<FlatDirection> flat;
  for (const Parameter& parameter : {Parameter{"E", kLogE, false},
                                     Parameter{"alpha", kLogAlpha, true},
                                     Parameter{"beta", kLogBeta, true}}) {
    const double at = best.theta[parameter.index];
    constexpr double kNegligible = 1e-9;  // of E
    for (const double factor : {parameter.exponent ? 0.5 : kNegligible, 2.0}) {
      LogVector moved = best.theta;
      moved[parameter.index] = parameter.exponent ? at * factor : at + std::log(factor);
      const LogMinimum profile = surface.minimize(
          moved, {.delta = delta, .tolerance = 1e-6, .near = true, .fixed = parameter.index});
      const double rise = profile.objective / best.objective - 1;
      if (rise < kFlatRise) {
        const double value = parameter.exponent ? at : std::exp(at);
        flat.push_back({.parameter = parameter.name,
                        .from = value,
                        .to = factor == kNegligible ? 0.0 : value * factor,
                        .rise = rise});
      }
    }
  }
  return flat;
}

}  // namespace

Certificate certify(const LogSurface& surface,
                    const LogMinimum& best,
                    std::span<const LogMinimum> others,
                    double delta) {
  std::vector<double> objectives;
  for (const LogMinimum& other : others) {
    objectives.push_back(other.objective);
  }
  const double rounding = 1e-27 * static_cast<double>(surface.size());
  Certificate certificate = certificate_of(best.objective, best.decrement, objectives, rounding);
  certificate.gradient_norm = best.gradient_norm;
  certificate.bounds_hit = bounds_hit(surface, best.theta);
  certificate.condition_number = surface.condition_number(best.theta);
  if (certificate.bounds_hit.empty() && certificate.converged()) {
    certificate.flat_directions = flat_directions(surface, best, delta);
  }
  return certificate;
}

Fit fit_in_logs(std::span<const Point> points,
                const FitOptions& options,
                const LogObjective& objective) {
  Fit fit;
  fit.num_points = static_cast<int64_t>(points.size());
  fit.status = surface_shortage(points, kParameters);
  if (!fit.status.empty()) {
    return fit;
  }
  const LogSurface surface(points);
  const auto starts = exponent_starts(options.starts);
  std::vector<LogMinimum> found(starts.size());
  parallel_for(static_cast<int64_t>(starts.size()), [&](int64_t i) {
    const auto& [alpha, beta] = starts[static_cast<size_t>(i)];
    found[static_cast<size_t>(i)] =
        minimize(surface, surface.start(alpha, beta), objective, options.tolerance, false);
  });
  const LogMinimum& best = *std::min_element(
      found.begin(), found.end(), [](const LogMinimum& left, const LogMinimum& right) {
        return left.objective < right.objective;
      });
  fit.certificate = certify(surface, best, found, objective.deltas.back());
  fit.certificate->objective = objective.objective(surface, best);
  fit.objective = fit.certificate->objective;
  fit.status = fit.certificate->status();
  if (fit.certificate->converged()) {
    set_surface(fit, surface.surface(best.theta), points, options);
    fit.excess_spread = kMedianExcess * surface.share_beyond(best.theta, objective.deltas.back());
  }
  return fit;
}

Fit refit_in_logs(std::span<const Point> points,
                  const FitOptions& options,
                  const LogObjective& objective,
                  const Fit& start) {
  if (!start.surface) {
    return fit_in_logs(points, options, objective);
  }
  Fit fit;
  fit.status = surface_shortage(points, kParameters);
  if (!fit.status.empty()) {
    return fit;
  }
  const LogSurface surface(points);
  const LogMinimum best =
      minimize(surface, surface.theta_of(*start.surface), objective, kRefitTolerance, true);
  const std::vector<std::string> bounds = bounds_hit(surface, best.theta);
  if (!bounds.empty()) {
    fit.status = bounds.front();
  } else if (!(best.decrement < kRefitTolerance)) {
    fit.status = "not converged";
  } else {
    fit.status = "ok";
    set_surface(fit, surface.surface(best.theta), points, options);
  }
  return fit;
}

}  // namespace ff::analysis
