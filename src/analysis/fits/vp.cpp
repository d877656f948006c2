// SPDX-License-Identifier: MIT
// Least squares of the losses themselves by variable projection: sum_i (L_i - L(N_i, D_i))^2.
#include "../parallel.h"

#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/analysis/projection.h"

#include <algorithm>
#include <cmath>

namespace ff::analysis {
namespace {

constexpr size_t kParameters = 5;
// Below this share of the total sum of squares, f is the rounding of data without noise.
constexpr double kRounding = 1e-24;
// A term that moves the losses by less than this share of their standard deviation is rounding.
constexpr double kMinRange = 1e-6;
// Of a replicate: far below the spread of the replicates.
constexpr double kRefitTolerance = 1e-11;

std::vector<std::string> bounds_hit(const ProjectedFit& best) {
  std::vector<std::string> hit;
  if (best.surface.E <= 0) {
    hit.push_back("E = 0: the runs do not determine the irreducible loss");
  }
  if (!(best.size_range > kMinRange)) {
    hit.push_back("A = 0: the losses do not fall with N");
  }
  if (!(best.token_range > kMinRange)) {
    hit.push_back("B = 0: the losses do not fall with D");
  }
  return hit.empty() ? exponent_bounds_hit(best.surface) : hit;
}

/// Profile likelihood: E from its value to 0 and to its double, an exponent to half and double.
std::vector<FlatDirection> flat_directions(const ProjectedSurface& problem,
                                           const ProjectedFit& best) {
  const Surface& s = best.surface;
  std::vector<FlatDirection> flat;
  const auto check = [&](const char* name, double from, double to, const ProjectedFit& profile) {
    const double rise = profile.sum_squares / best.sum_squares - 1;
    if (rise < kFlatRise) {
      flat.push_back({.parameter = name, .from = from, .to = to, .rise = rise});
    }
  };
  for (const double to : {0.0, 2 * s.E}) {
    check("E", s.E, to, problem.minimize({s.alpha, s.beta}, {.fixed_e = to}));
  }
  for (const double factor : {0.5, 2.0}) {
    const double alpha = std::clamp(factor * s.alpha, kMinExponent, kMaxExponent);
    const double beta = std::clamp(factor * s.beta, kMinExponent, kMaxExponent);
    check("alpha", s.alpha, alpha, problem.minimize({alpha, s.beta}, {.fixed_alpha = true}));
    check("beta", s.beta, beta, problem.minimize({s.alpha, beta}, {.fixed_beta = true}));
  }
  return flat;
}

Certificate certify(const ProjectedSurface& problem,
                    const ProjectedFit& best,
                    std::span<const ProjectedFit> all) {
  std::vector<double> objectives;
  for (const ProjectedFit& fit : all) {
    objectives.push_back(fit.sum_squares);
  }
  const double rounding = kRounding * problem.total_squares();
  Certificate certificate = certificate_of(best.sum_squares, best.decrement, objectives, rounding);
  certificate.gradient_norm = best.gradient;
  certificate.bounds_hit = bounds_hit(best);
  certificate.condition_number = problem.condition_number(best.surface);
  if (certificate.bounds_hit.empty() && certificate.converged()) {
    certificate.flat_directions = flat_directions(problem, best);
  }
  return certificate;
}

}  // namespace

Fit fit_vp(std::span<const Point> points, const FitOptions& options) {
  Fit fit;
  fit.num_points = static_cast<int64_t>(points.size());
  fit.status = surface_shortage(points, kParameters);
  if (!fit.status.empty()) {
    return fit;
  }
  const ProjectedSurface problem(points);
  const auto starts = exponent_starts(options.starts);
  std::vector<ProjectedFit> found(starts.size());
  parallel_for(static_cast<int64_t>(starts.size()), [&](int64_t i) {
    const auto& [alpha, beta] = starts[static_cast<size_t>(i)];
    // Ceres judges steps by the decrease of f, which is second order in the decrement's square
    // root.
    found[static_cast<size_t>(i)] =
        problem.minimize({alpha, beta}, {.tolerance = 1e-3 * options.tolerance});
  });
  const ProjectedFit& best = *std::min_element(
      found.begin(), found.end(), [](const ProjectedFit& left, const ProjectedFit& right) {
        return left.sum_squares < right.sum_squares;
      });
  fit.certificate = certify(problem, best, found);
  fit.objective = best.sum_squares;
  fit.status = fit.certificate->status();
  if (fit.certificate->converged()) {
    set_surface(fit, best.surface, points, options);
  }
  return fit;
}

Fit refit_vp(std::span<const Point> points, const FitOptions& options, const Fit& start) {
  if (!start.surface) {
    return fit_vp(points, options);
  }
  Fit fit;
  fit.status = surface_shortage(points, kParameters);
  if (!fit.status.empty()) {
    return fit;
  }
  const ProjectedSurface problem(points);
  const ProjectedFit best =
      problem.minimize({start.surface->alpha, start.surface->beta}, {.tolerance = kRefitTolerance});
  const std::vector<std::string> bounds = bounds_hit(best);
  fit.status = !best.converged ? "not converged" : !bounds.empty() ? bounds.front() : "ok";
  if (fit.usable()) {
    set_surface(fit, best.surface, points, options);
  }
  return fit;
}

}  // namespace ff::analysis
