// SPDX-License-Identifier: MIT
// From fits to what scaling_laws.json says of them.
#include "candidates.h"
#include "statistics.h"

#include "flops_fit/analysis/parabola.h"

#include <fmt/format.h>

#include <cmath>

namespace ff::analysis {
namespace {

io::PowerLaw power_law(const char* name,
                       const LogLine& line,
                       const std::vector<std::optional<io::Interval>>& ci,
                       size_t quantity,
                       double min_r_squared) {
  io::PowerLaw law;
  law.name = name;
  law.coefficient_k = std::exp(line.log_k);
  law.exponent_a = line.exponent;
  law.r_squared = line.r_squared;
  law.k_ci = ci[quantity];
  law.a_ci = ci[quantity + 1];
  law.formula = io::formula_of(law);
  if (law.r_squared && *law.r_squared < min_r_squared) {
    law.status = "low r_squared";
  }
  return law;
}

}  // namespace

std::vector<io::Isoflop> isoflops(const Dataset& data, double window_nats) {
  std::vector<io::Isoflop> result;
  std::vector<Parabola> parabolas;
  double squares = 0;
  int freedom = 0;
  size_t run = 0;
  for (const std::span<const Point> group : by_budget(data.points)) {
    io::Isoflop& isoflop = result.emplace_back();
    isoflop.compute_budget = group.front().budget;
    for (const Point& point : group) {
      isoflop.points.push_back({.experiment_id = data.runs[run++].id,
                                .model_size = point.n,
                                .num_tokens = point.d,
                                .loss = point.loss});
    }
    const Parabola& parabola = parabolas.emplace_back(fit_parabola(group, window_nats));
    isoflop.status = parabola.status;
    isoflop.points_used = parabola.used;
    if (parabola.fitted) {
      isoflop.c0 = parabola.c0;
      isoflop.c1 = parabola.c1;
      isoflop.c2 = parabola.c2;
      isoflop.residual_rms = std::sqrt(parabola.sum_squares / parabola.used) / parabola.mean_loss;
      squares += parabola.sum_squares;
      freedom += parabola.used - 3;
    }
  }
  for (size_t i = 0; i < result.size(); ++i) {
    if (result[i].status == "ok") {
      result[i].vertex_size = parabolas[i].vertex_n;
      result[i].vertex_tokens = parabolas[i].vertex_d;
      result[i].vertex_loss = parabolas[i].vertex_loss;
      if (freedom > 0) {
        result[i].vertex_log_stderr = std::sqrt(squares / freedom) * parabolas[i].unit_stderr;
      }
    }
  }
  return result;
}

io::Estimator describe(const Candidate& candidate, size_t targets) {
  const Fit& fit = candidate.fit;
  const auto& ci = candidate.intervals.intervals;
  io::Estimator estimator;
  estimator.name = candidate.entry->name;
  estimator.status = fit.status;
  estimator.num_points = fit.num_points;
  estimator.objective = fit.objective;
  if (fit.certificate) {
    estimator.certificate = to_json(*fit.certificate);
  }
  estimator.residual_rms = fit.residual_rms;
  estimator.r_squared = fit.r_squared;
  estimator.bootstrap_replicates = candidate.intervals.replicates;
  estimator.bootstrap_usable = candidate.intervals.usable;
  for (size_t i = 0; i < fit.extra.size(); ++i) {
    estimator.extra.push_back({.name = fit.extra[i].first,
                               .value = fit.extra[i].second,
                               .ci = ci[first_extra(targets) + i]});
  }
  if (fit.surface) {
    estimator.exponent_a = fit.surface->exponent_a();
    estimator.exponent_b = fit.surface->exponent_b();
  }
  if (fit.n_law) {
    estimator.exponent_a = fit.n_law->exponent;
    estimator.exponent_b = fit.d_law->exponent;
    estimator.coefficient_k = std::exp(fit.n_law->log_k);
  }
  estimator.exponent_a_ci = ci[kNExponent];
  estimator.exponent_b_ci = ci[kDExponent];
  estimator.coefficient_k_ci = ci[kNCoefficient];
  if (fit.surface) {
    estimator.E = fit.surface->E;
    estimator.A = fit.surface->A;
    estimator.B = fit.surface->B;
    estimator.alpha = fit.surface->alpha;
    estimator.beta = fit.surface->beta;
    estimator.E_ci = ci[kE];
    estimator.A_ci = ci[kA];
    estimator.B_ci = ci[kB];
    estimator.alpha_ci = ci[kAlpha];
    estimator.beta_ci = ci[kBeta];
  }
  const std::vector<std::optional<double>>& errors = candidate.intervals.standard_errors;
  const auto add = [&](const std::string& name, size_t quantity) {
    if (quantity < errors.size() && errors[quantity]) {
      estimator.standard_errors.emplace_back(name, *errors[quantity]);
    }
  };
  add("E", kE);
  add("A", kA);
  add("B", kB);
  add("alpha", kAlpha);
  add("beta", kBeta);
  add("exponent_a", kNExponent);
  add("exponent_b", kDExponent);
  add("coefficient_k", kNCoefficient);
  for (size_t i = 0; i < fit.extra.size(); ++i) {
    add(fit.extra[i].first, first_extra(targets) + i);
  }
  return estimator;
}

void set_headline(io::ScalingLaws& laws,
                  const Candidate& headline,
                  double flops_per_nd,
                  double min_r_squared) {
  const Fit& fit = headline.fit;
  const auto& ci = headline.intervals.intervals;
  laws.n_opt_fit = power_law("N_opt", *fit.n_law, ci, kNCoefficient, min_r_squared);
  laws.d_opt_fit = power_law("D_opt", *fit.d_law, ci, kDCoefficient, min_r_squared);
  if (fit.l_law) {
    laws.l_opt_fit = power_law("L_opt", *fit.l_law, ci, kLCoefficient, min_r_squared);
  }
  if (fit.surface) {
    io::IrreducibleLaw law{.irreducible = fit.surface->E,
                           .coefficient_k = fit.surface->k_l(flops_per_nd),
                           .exponent_c = fit.surface->exponent_c(),
                           .formula = ""};
    law.formula = fmt::format(
        "L_opt = {:.4f} + {:.4e} * C^{:.4f}", law.irreducible, law.coefficient_k, law.exponent_c);
    laws.l_opt_irreducible = law;
  }
  laws.optimal_points = fit.optima;
  std::vector<double> ratios;
  for (const io::OptimalPoint& point : fit.optima) {
    ratios.push_back(point.num_tokens / point.model_size);
  }
  laws.optimal_ratio = median(ratios);
}

std::vector<io::BudgetVertex> vertices(std::span<const io::Isoflop> isoflops) {
  std::vector<io::BudgetVertex> result;
  for (const io::Isoflop& isoflop : isoflops) {
    io::BudgetVertex& vertex = result.emplace_back();
    vertex.compute_budget = isoflop.compute_budget;
    vertex.used = isoflop.status == "ok";
    vertex.reason = vertex.used ? "" : isoflop.status;
    vertex.n_opt = isoflop.vertex_size;
    vertex.d_opt = isoflop.vertex_tokens;
    vertex.loss = isoflop.vertex_loss;
    vertex.points = isoflop.points_used;
    if (isoflop.c2) {
      vertex.curvature = 2 * *isoflop.c2;
    }
  }
  return result;
}

}  // namespace ff::analysis
