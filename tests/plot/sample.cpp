// SPDX-License-Identifier: MIT
#include "sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

namespace ff::test {
namespace {

struct Budget {
  double compute;
  std::vector<std::pair<int, double>> losses;  // width d_model, held-out loss
};

// Losses measured on zipf-stories with two layers, by width.
const std::vector<Budget>& measured() {
  static const std::vector<Budget> kBudgets = {
      {3e10, {{8, .9207}, {16, .9043}}},
      {1e11, {{8, .8474}, {16, .8017}, {24, .7975}, {32, .8227}, {40, .8566}, {48, .8922}}},
      {3e11,
       {{8, .8213}, {16, .7383}, {24, .7307}, {32, .7308}, {40, .7474}, {48, .7598}, {64, .7937}}},
      {1e12, {{16, .6824}, {24, .6723}, {32, .6695}, {40, .6661}, {48, .6804}, {64, .6942}}},
      {3e12, {{24, .6370}, {32, .6301}, {48, .6236}, {64, .6342}, {96, .6534}}},
  };
  return kBudgets;
}

double size_of(int width) {
  return 2.0 * 16 * width * width + 200.0 * width;
}

/// Least-squares polynomial of degree 1 or 2 by the normal equations; `x` should be small.
std::array<double, 3> polynomial(const std::vector<double>& x,
                                 const std::vector<double>& y,
                                 size_t degree) {
  std::array<std::array<double, 4>, 3> m{};
  const size_t n = degree + 1;
  for (size_t p = 0; p < x.size(); ++p) {
    const std::array<double, 3> row = {1.0, x[p], x[p] * x[p]};
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) {
        m[i][j] += row[i] * row[j];
      }
      m[i][3] += row[i] * y[p];
    }
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < n; ++k) {
      const double factor = k == i ? 0.0 : m[k][i] / m[i][i];
      for (size_t j = i; j < 4; ++j) {
        m[k][j] -= factor * m[i][j];
      }
    }
  }
  std::array<double, 3> out{};
  for (size_t i = 0; i < n; ++i) {
    out[i] = m[i][3] / m[i][i];
  }
  return out;
}

/// Parabola in ln N through the points within `window` of the lowest loss.
void fit_parabola(io::Isoflop& budget, double window) {
  constexpr double kCentre = 10.0;
  double lowest = budget.points.front().loss;
  for (const auto& p : budget.points) {
    lowest = std::min(lowest, p.loss);
  }
  std::vector<double> x, y;
  for (const auto& p : budget.points) {
    if (p.loss <= lowest + window) {
      x.push_back(std::log(p.model_size) - kCentre);
      y.push_back(p.loss);
    }
  }
  if (x.size() < 3) {
    budget.status = "only 2 sizes";
    return;
  }
  const auto [a, b, c] = polynomial(x, y, 2);
  budget.status = "ok";
  budget.c2 = c;
  budget.c1 = b - 2 * c * kCentre;
  budget.c0 = a - b * kCentre + c * kCentre * kCentre;
  const double vertex = -b / (2 * c);
  budget.vertex_size = std::exp(vertex + kCentre);
  budget.vertex_loss = a + vertex * (b + c * vertex);
  budget.vertex_log_stderr = 0.035;
  budget.residual_rms = 0.003;
}

io::PowerLaw power_law(const char* name,
                       const std::vector<io::OptimalPoint>& points,
                       double io::OptimalPoint::*value) {
  std::vector<double> x, y;
  double mean = 0.0;
  for (const auto& p : points) {
    mean += std::log(p.compute_budget) / static_cast<double>(points.size());
  }
  for (const auto& p : points) {
    x.push_back(std::log(p.compute_budget) - mean);
    y.push_back(std::log(p.*value));
  }
  const auto line = polynomial(x, y, 1);
  io::PowerLaw law;
  law.name = name;
  law.exponent_a = line[1];
  law.coefficient_k = std::exp(line[0] - line[1] * mean);
  law.r_squared = 0.997;
  law.a_ci = io::Interval{law.exponent_a - 0.03, law.exponent_a + 0.04};
  law.k_ci = io::Interval{law.coefficient_k / 3, law.coefficient_k * 2.5};
  law.formula = fmt::format("{} = {:.4e} * C^{:.4f}", name, law.coefficient_k, law.exponent_a);
  return law;
}

double value_at(const io::PowerLaw& law, double compute) {
  return law.coefficient_k * std::pow(compute, law.exponent_a);
}

io::Estimator estimator(const char* name, double a, double half) {
  io::Estimator out;
  out.name = name;
  out.status = "ok";
  out.exponent_a = a;
  out.exponent_b = 1 - a;
  out.exponent_a_ci = io::Interval{a - half, a + half};
  out.exponent_b_ci = io::Interval{1 - a - half, 1 - a + half};
  out.residual_rms = 0.005;
  out.num_points = 24;
  return out;
}

}  // namespace

std::vector<io::RunResult> sample_results() {
  std::vector<io::RunResult> results;
  for (const Budget& budget : measured()) {
    for (const auto& [width, loss] : budget.losses) {
      io::RunResult run;
      run.experiment_id = fmt::format("exp_{:04}", results.size());
      run.compute_budget = budget.compute;
      run.model_size = static_cast<int64_t>(size_of(width));
      run.num_tokens = static_cast<int64_t>(budget.compute / (6 * size_of(width)));
      run.final_loss = loss;
      run.status = "completed";
      run.actual_flops = budget.compute;
      results.push_back(run);
    }
  }
  return results;
}

plot::FigureInputs sample_study() {
  plot::FigureInputs study;
  study.results = sample_results();
  io::ScalingLaws& laws = study.laws;
  for (const io::RunResult& run : study.results) {
    if (laws.isoflop.empty() || laws.isoflop.back().compute_budget != run.compute_budget) {
      laws.isoflop.emplace_back();
      laws.isoflop.back().compute_budget = run.compute_budget;
    }
    laws.isoflop.back().points.push_back({run.experiment_id,
                                          static_cast<double>(run.model_size),
                                          static_cast<double>(run.num_tokens),
                                          *run.final_loss});
  }
  for (io::Isoflop& budget : laws.isoflop) {
    fit_parabola(budget, 0.075);
    if (budget.vertex_size) {
      laws.optimal_points.push_back({budget.compute_budget,
                                     *budget.vertex_size,
                                     budget.compute_budget / (6 * *budget.vertex_size),
                                     *budget.vertex_loss});
    }
  }
  laws.n_opt_fit = power_law("N_opt", laws.optimal_points, &io::OptimalPoint::model_size);
  laws.d_opt_fit = power_law("D_opt", laws.optimal_points, &io::OptimalPoint::num_tokens);
  laws.l_opt_fit = power_law("L_opt", laws.optimal_points, &io::OptimalPoint::final_loss);
  laws.optimal_ratio = 60.0;
  laws.floor_nats = 0.4104;

  const double target = 1e14;
  io::Prediction prediction;
  prediction.target_compute = target;
  prediction.model_size = value_at(*laws.n_opt_fit, target);
  prediction.num_tokens = value_at(*laws.d_opt_fit, target);
  prediction.loss = value_at(*laws.l_opt_fit, target);
  prediction.tokens_per_param = prediction.num_tokens / prediction.model_size;
  prediction.model_size_ci =
      io::Interval{prediction.model_size * 0.80, prediction.model_size * 1.28};
  prediction.num_tokens_ci =
      io::Interval{prediction.num_tokens / 1.28, prediction.num_tokens / 0.80};
  prediction.loss_ci = io::Interval{*prediction.loss * 0.975, *prediction.loss * 1.03};
  prediction.model_size_range =
      io::Interval{prediction.model_size * 0.75, prediction.model_size * 1.5};
  prediction.num_tokens_range =
      io::Interval{prediction.num_tokens / 1.5, prediction.num_tokens / 0.75};
  prediction.cheap_sizes = io::Interval{prediction.model_size * 0.8, prediction.model_size * 1.25};
  prediction.extrapolation = target / 3e12;
  laws.predictions.push_back(prediction);

  laws.estimators = {estimator("argmin", 0.38, 0.09), estimator("quadratic", 0.402, 0.03), {}};
  io::Estimator& surface = laws.estimators.back();
  surface = estimator("vp", 0.42, 0.02);
  surface.E = 0.487;
  surface.E_ci = io::Interval{0.46, 0.51};
  surface.A = 11.2;
  surface.B = 95.0;
  surface.alpha = 0.573;
  surface.beta = 0.415;
  surface.coefficient_k = 0.61;
  laws.estimators.push_back({.name = "huber", .status = "not converged: <1e-9", .E = 0.12345});
  laws.validation["rollout"]["quadratic"] = {{{"cut_flops", 3e11},
                                              {"train_runs", 8},
                                              {"test_runs", 18},
                                              {"status", "ok"},
                                              {"exponent_a", 0.3456},
                                              {"mean_relative_error", 0.0123}}};
  laws.conventions.push_back({{"params", "non_embedding"},
                              {"flops", "6ND"},
                              {"status", "ok"},
                              {"exponent_a", 0.543},
                              {"coefficient_k", nullptr}});
  laws.warnings = {"budget 3e10 FLOP: only 2 sizes, no parabola <left out>",
                   "the prediction reaches 33x beyond the largest budget"};
  laws.provenance.emplace();
  laws.provenance->program = "ff-analyze 0.1.0";
  laws.provenance->created = "2026-11-21T01:30:00Z";
  laws.provenance->results_path = "outputs/results.json";
  laws.provenance->runs_read = 26;
  laws.provenance->runs_used = 26;
  laws.provenance->headline = "quadratic";
  for (const io::RunResult& run : study.results) {
    study.histories.push_back(sample_history(run, 40));
  }
  return study;
}

plot::RunHistory sample_history(const io::RunResult& run, int lines) {
  plot::RunHistory history{run.experiment_id, run.compute_budget, {}};
  for (int i = 1; i <= lines; ++i) {
    const double share = static_cast<double>(i) / lines;
    io::MetricsLine line;
    line.step = i * 25;
    line.tokens = static_cast<int64_t>(share * static_cast<double>(run.num_tokens));
    line.flops = share * run.compute_budget;
    line.lr = 0.01 * (1 - share);
    const double wiggle = 0.02 * std::sin(12.9898 * i + static_cast<double>(run.model_size));
    line.train_loss = *run.final_loss + 1.1 * std::pow(share, -0.35) - 1.1 + wiggle;
    if (i % 8 == 0) {
      line.eval_loss = *run.final_loss + 1.1 * std::pow(share, -0.35) - 1.1;
    }
    history.lines.push_back(line);
  }
  return history;
}

}  // namespace ff::test
