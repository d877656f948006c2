// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/analyze.h"

#include "flops_fit/analysis/bootstrap.h"
#include "flops_fit/analysis/checks.h"
#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/analysis/parabola.h"
#include "flops_fit/analysis/runs.h"
#include "flops_fit/analysis/validation.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ff::analysis {
namespace {

/// One estimator's work.
struct Candidate {
  const EstimatorEntry* entry = nullptr;
  Fit fit;
  Bootstrap intervals;
};

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

io::Estimator describe(const Candidate& candidate) {
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
  for (const auto& [name, value] : fit.extra) {
    estimator.extra.push_back({.name = name, .value = value, .ci = std::nullopt});
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

/// The requested estimator, or the next usable one after it.
const Candidate& choose_headline(const std::vector<Candidate>& candidates,
                                 const std::string& method,
                                 std::vector<std::string>& warnings) {
  const EstimatorEntry* requested = find_estimator(method);
  if (requested == nullptr) {
    throw error<ConfigError>("fitting.method: there is no estimator \"{}\".", method);
  }
  const Candidate* chosen = nullptr;
  std::string reasons;
  for (const Candidate& candidate : candidates) {
    if (candidate.entry->fallback < requested->fallback) {
      continue;
    }
    if (!candidate.fit.usable()) {
      reasons += fmt::format(
          "{}{}: {}", reasons.empty() ? "" : "; ", candidate.entry->name, candidate.fit.status);
    } else if (chosen == nullptr || candidate.entry->fallback < chosen->entry->fallback) {
      chosen = &candidate;
    }
  }
  if (chosen == nullptr) {
    throw error<TooLittleDataError>(
        "No estimator has an answer ({}); train more budgets and sizes, or widen the plan.",
        reasons);
  }
  if (chosen->entry != requested) {
    warnings.push_back(fmt::format("FALLBACK: the headline is {}, not the requested {} ({}).",
                                   chosen->entry->name,
                                   requested->name,
                                   reasons));
  }
  return *chosen;
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

std::vector<io::Prediction> predict(const Candidate& headline,
                                    std::span<const double> targets,
                                    double flops_per_nd,
                                    double largest_budget) {
  std::vector<io::Prediction> predictions;
  const auto& ci = headline.intervals.intervals;
  for (size_t t = 0; t < targets.size(); ++t) {
    io::Prediction& prediction = predictions.emplace_back();
    prediction.target_compute = targets[t];
    prediction.model_size = (*headline.fit.n_law)(targets[t]);
    prediction.num_tokens = (*headline.fit.d_law)(targets[t]);
    prediction.tokens_per_param = prediction.num_tokens / prediction.model_size;
    prediction.loss = headline.fit.loss_at(targets[t], flops_per_nd);
    prediction.model_size_ci = ci[kFirstTarget + 3 * t];
    prediction.num_tokens_ci = ci[kFirstTarget + 3 * t + 1];
    prediction.loss_ci = ci[kFirstTarget + 3 * t + 2];
    prediction.extrapolation = targets[t] / largest_budget;
  }
  return predictions;
}

io::Json validate(const std::vector<Candidate>& candidates,
                  const Dataset& data,
                  const FitOptions& options,
                  const io::ScalingLaws& laws,
                  const ValidationConfig& config) {
  io::Json json = io::Json::object();
  const double exponent = laws.n_opt_fit->exponent_a;
  json["exponent"] = {
      {"value", exponent},
      {"expected", config.expected_exponent},
      {"tolerance", config.exponent_tolerance},
      {"within", std::abs(exponent - config.expected_exponent) <= config.exponent_tolerance}};
  if (config.leave_one_out) {
    json["leave_one_out"] = io::Json::object();
    for (const Candidate& candidate : candidates) {
      if (candidate.fit.usable()) {
        json["leave_one_out"][std::string(candidate.entry->name)] =
            leave_one_budget_out(*candidate.entry, data.points, candidate.fit, options);
      }
    }
  }
  return json;
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

}  // namespace

io::ScalingLaws analyze(std::span<const io::RunResult> results, const AnalyzerConfig& config) {
  return analyze(runs_from(results), config);
}

io::ScalingLaws analyze(std::span<const Run> runs, const AnalyzerConfig& config) {
  const Dataset data = prepare_runs(runs, config.input);
  const FitOptions options = fit_options(config.fitting, data.flops_per_nd);
  io::ScalingLaws laws;
  laws.warnings = data.warnings;
  append(laws.warnings, check_data(data));
  laws.floor_nats = data.floor_nats;
  laws.isoflop = isoflops(data, config.fitting.window_nats);

  std::vector<Candidate> candidates;
  for (const EstimatorEntry& entry : estimators()) {
    Candidate& candidate = candidates.emplace_back();
    candidate.entry = &entry;
    candidate.fit = entry.fit(data.points, options);
    append_some(laws.warnings, candidate.fit.warnings, entry.name);
  }
  // The headline is settled before the costly part, which may have nothing to do.
  const Candidate& headline = choose_headline(candidates, config.fitting.method, laws.warnings);
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
    laws.estimators.push_back(describe(candidate));
  }
  set_headline(laws, headline, data.flops_per_nd, config.fitting.min_r_squared);
  laws.predictions =
      predict(headline, config.target_compute, data.flops_per_nd, data.budgets.back());
  laws.validation = validate(candidates, data, options, laws, config.validation);
  append(laws.warnings, check_laws(laws, config));
  laws.provenance = io::Provenance{.program = fmt::format("ff-analyze {}", version()),
                                   .created = "",
                                   .results_path = "",
                                   .runs_read = static_cast<int64_t>(runs.size()),
                                   .runs_used = static_cast<int64_t>(data.points.size()),
                                   .requested = config.fitting.method,
                                   .headline = std::string(headline.entry->name),
                                   .flops_per_nd = data.flops_per_nd,
                                   .confidence = config.bootstrap.confidence};
  return laws;
}

}  // namespace ff::analysis
