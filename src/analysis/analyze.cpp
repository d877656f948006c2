// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/analyze.h"

#include "candidates.h"

#include "flops_fit/analysis/checks.h"
#include "flops_fit/analysis/parabola.h"
#include "flops_fit/analysis/parabola_bias.h"
#include "flops_fit/analysis/runs.h"
#include "flops_fit/analysis/validation.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ff::analysis {
namespace {

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
  return estimator;
}

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
  std::sort(ratios.begin(), ratios.end());
  const size_t middle = ratios.size() / 2;
  laws.optimal_ratio =
      ratios.size() % 2 == 1 ? ratios[middle] : 0.5 * (ratios[middle - 1] + ratios[middle]);
}

/// quadratic's account of each budget.
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

io::Json validate(const std::vector<Candidate>& candidates,
                  const Dataset& data,
                  const FitOptions& options,
                  const io::ScalingLaws& laws,
                  const AnalyzerConfig& config) {
  const ValidationConfig& wanted = config.validation;
  io::Json json = io::Json::object();
  const double exponent = laws.n_opt_fit->exponent_a;
  json["exponent"] = {
      {"value", exponent},
      {"expected", wanted.expected_exponent},
      {"tolerance", wanted.exponent_tolerance},
      {"within", std::abs(exponent - wanted.expected_exponent) <= wanted.exponent_tolerance}};
  std::vector<std::string> ids;
  for (const Run& run : data.runs) {
    ids.push_back(run.id);
  }
  const std::vector<double> cuts =
      wanted.rollout_cuts.empty() ? rollout_cuts(data.points) : wanted.rollout_cuts;
  const double target =
      config.target_compute.empty() ? data.budgets.back() : config.target_compute.front();
  for (const Candidate& candidate : candidates) {
    const std::string name(candidate.entry->name);
    if (!candidate.fit.usable() || !candidate.fit.n_law || !candidate.entry->resampled) {
      continue;
    }
    if (wanted.leave_one_out) {
      json["leave_one_budget_out"][name] =
          leave_one_budget_out(*candidate.entry, data.points, candidate.fit, options);
    }
    if (wanted.rollout) {
      json["rollout"][name] = rollout(*candidate.entry, data.points, candidate.fit, options, cuts);
    }
    if (wanted.jackknife) {
      json["jackknife"][name] =
          jackknife(*candidate.entry, data.points, ids, candidate.fit, options, target);
    }
  }
  return json;
}

io::Json to_json(const ParabolaBias& bias, std::span<const double> targets) {
  io::Json budgets = io::Json::array(), at_targets = io::Json::array();
  for (const BudgetBias& budget : bias.budgets) {
    budgets.push_back({{"compute_budget", budget.budget}, {"n_factor", budget.n_factor}});
  }
  for (size_t t = 0; t < targets.size(); ++t) {
    at_targets.push_back({{"target_compute", targets[t]}, {"n_factor", bias.n_factors[t]}});
  }
  return {{"exponent_a", bias.exponent_a},
          {"budgets", std::move(budgets)},
          {"targets", std::move(at_targets)}};
}

void append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// Warnings of one estimator, the first few.
void append_some(std::vector<std::string>& to,
                 const std::vector<std::string>& from,
                 std::string_view name) {
  constexpr size_t kShown = 6;
  append(to,
         {from.begin(), from.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, from.size()))});
  if (from.size() > kShown) {
    to.push_back(fmt::format("{}: {} more warnings of this kind.", name, from.size() - kShown));
  }
}

/// Every estimator's fit; the surface that quadratic's vertices are moved back by comes first.
std::vector<Candidate> fit_all(const Dataset& data,
                               FitOptions& options,
                               const AnalyzerConfig& config,
                               std::vector<std::string>& warnings) {
  std::vector<Candidate> candidates;
  for (const EstimatorEntry& entry : estimators()) {
    candidates.push_back({.entry = &entry, .fit = {}, .intervals = {}});
  }
  const auto fit = [&](bool surfaces) {
    for (Candidate& candidate : candidates) {
      const bool is_quadratic = candidate.entry->fit == fit_quadratic;
      if (is_quadratic != surfaces) {
        candidate.fit = candidate.entry->fit(data.points, options);
      }
    }
  };
  fit(true);
  if (config.fitting.subtract_bias) {
    for (const Candidate& candidate : candidates) {
      if (!options.bias_surface && candidate.fit.usable() && candidate.fit.surface) {
        options.bias_surface = candidate.fit.surface;
      }
    }
    if (!options.bias_surface) {
      warnings.push_back(
          "fitting.subtract_bias: no surface is certified, so that the bias is not known and "
          "quadratic's vertices stay where they are.");
    }
  }
  fit(false);
  for (const Candidate& candidate : candidates) {
    append_some(warnings, candidate.fit.warnings, candidate.entry->name);
  }
  return candidates;
}

void warn_of_outliers(const Dataset& data,
                      std::span<const size_t> far,
                      std::vector<std::string>& warnings) {
  if (far.empty()) {
    return;
  }
  constexpr size_t kShown = 3;
  std::string names;
  for (size_t i = 0; i < std::min(far.size(), kShown); ++i) {
    names += (i > 0 ? ", " : "") + data.runs[far[i]].id;
  }
  warnings.push_back(fmt::format(
      "{} of {} runs lie more than 5 robust standard deviations off the surface ({}{}): look at "
      "them; fitting.method=auto takes huber, which they hardly move.",
      far.size(),
      data.points.size(),
      names,
      far.size() > kShown ? ", ..." : ""));
}

}  // namespace

io::ScalingLaws analyze(std::span<const io::RunResult> results, const AnalyzerConfig& config) {
  return analyze(InputData{.runs = runs_from(results), .curves = {}, .warnings = {}}, config);
}

io::ScalingLaws analyze(const InputData& input, const AnalyzerConfig& config) {
  Dataset data = prepare_runs(input.runs, config.input);
  attach_curves(data, input);
  FitOptions options = fit_options(config.fitting, data.flops_per_nd);
  io::ScalingLaws laws;
  laws.warnings = input.warnings;
  append(laws.warnings, data.warnings);
  append(laws.warnings, check_data(data));
  laws.floor_nats = data.floor_nats;
  laws.isoflop = isoflops(data, config.fitting.window_nats);
  laws.quadratic = vertices(laws.isoflop);

  std::vector<Candidate> candidates = fit_all(data, options, config, laws.warnings);
  const std::vector<size_t> far = outliers(candidates, data.points);
  warn_of_outliers(data, far, laws.warnings);
  // The headline is settled before the costly part, which may have nothing to do.
  const Headline headline =
      choose_headline(candidates, config.fitting.method, !far.empty(), laws.warnings);
  for (Candidate& candidate : candidates) {
    candidate.intervals = bootstrap(*candidate.entry,
                                    data.points,
                                    candidate.fit,
                                    options,
                                    config.target_compute,
                                    config.bootstrap);
    const Bootstrap& ran = candidate.intervals;
    if (ran.usable < ran.replicates) {
      laws.warnings.push_back(fmt::format(
          "{}: {} of {} bootstrap replicates had no answer{}.",
          candidate.entry->name,
          ran.replicates - ran.usable,
          ran.replicates,
          5 * ran.usable < 4 * ran.replicates ? "; there are no intervals (80% are needed)" : ""));
    }
    laws.estimators.push_back(describe(candidate, config.target_compute.size()));
  }
  const Candidate& chosen = *headline.candidate;
  set_headline(laws, chosen, data.flops_per_nd, config.fitting.min_r_squared);
  laws.predictions = predict(candidates, chosen, config, data.flops_per_nd, data.budgets);
  laws.validation = validate(candidates, data, options, laws, config);
  if (const auto surface = leading_surface(candidates, chosen)) {
    if (const auto bias = parabola_bias(*surface, data.points, options, config.target_compute)) {
      laws.parabola_bias = to_json(*bias, config.target_compute);
    }
  }
  laws.conventions = conventions(
      data,
      *chosen.entry,
      options,
      config.target_compute.empty() ? data.budgets.back() : config.target_compute.front());
  append(laws.warnings, check_laws(laws, config));
  laws.provenance = io::Provenance{.program = fmt::format("ff-analyze {}", version()),
                                   .created = "",
                                   .results_path = "",
                                   .runs_read = static_cast<int64_t>(input.runs.size()),
                                   .runs_used = static_cast<int64_t>(data.points.size()),
                                   .requested = config.fitting.method,
                                   .headline = std::string(chosen.entry->name),
                                   .flops_per_nd = data.flops_per_nd,
                                   .confidence = config.bootstrap.confidence};
  return laws;
}

}  // namespace ff::analysis
