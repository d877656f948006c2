// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/analyze.h"

#include "candidates.h"

#include "flops_fit/analysis/checks.h"
#include "flops_fit/analysis/parabola_bias.h"
#include "flops_fit/analysis/runs.h"
#include "flops_fit/analysis/validation.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace ff::analysis {
namespace {

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
  // As many refits of as many runs would take minutes and more.
  constexpr size_t kMaxRefits = 2000;
  const bool by_budgets = wanted.leave_one_out && data.budgets.size() <= kMaxRefits;
  const bool by_runs = wanted.jackknife && data.points.size() <= kMaxRefits;
  for (const auto& [key, asked, done] :
       {std::tuple{"leave_one_budget_out", wanted.leave_one_out, by_budgets},
        std::tuple{"jackknife", wanted.jackknife, by_runs}}) {
    if (asked && !done) {
      json[key]["skipped"] = fmt::format("more than {} refits", kMaxRefits);
    }
  }
  for (const Candidate& candidate : candidates) {
    const std::string name(candidate.entry->name);
    if (!candidate.fit.usable() || !candidate.fit.n_law || !candidate.entry->resampled) {
      continue;
    }
    if (by_budgets) {
      json["leave_one_budget_out"][name] =
          leave_one_budget_out(*candidate.entry, data.points, candidate.fit, options);
    }
    if (wanted.rollout) {
      json["rollout"][name] = rollout(*candidate.entry, data.points, candidate.fit, options, cuts);
    }
    if (by_runs) {
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
    append(warnings, candidate.fit.warnings);
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
  const std::optional<Surface> surface = leading_surface(candidates, chosen);
  const bool asked = config.predict.inference_tokens > 0 || config.predict.unique_tokens > 0;
  if (asked && !surface) {
    laws.warnings.push_back(
        "predict.inference_tokens and predict.unique_tokens need a certified surface (vp, huber, "
        "log_mse or lad), and there is none: nothing is predicted for them.");
  }
  if (surface) {
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
