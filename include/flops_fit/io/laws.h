// SPDX-License-Identifier: MIT
#pragma once
// scaling_laws.json: what ff-analyze found. n_opt_fit, d_opt_fit, l_opt_fit, optimal_points and
// optimal_ratio are the Python tool's, whose files are read as they are (the rest is absent there).
// N parameters, D tokens, C FLOPs, L loss [nats/token].
#include "flops_fit/io/json.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ff::io {

/// A two-sided interval, 95% unless said otherwise.
struct Interval {
  double low = 0.0;
  double high = 0.0;
};

/// y = coefficient_k * C^exponent_a.
struct PowerLaw {
  std::string name;  ///< "N_opt", "D_opt", "L_opt"
  double coefficient_k = 0.0;
  double exponent_a = 0.0;
  std::optional<double> r_squared;  ///< of the log-log regression; none with two points or fewer
  std::optional<Interval> k_ci;
  std::optional<Interval> a_ci;
  std::string formula;  ///< "N_opt = 1.6934e+02 * C^0.2801"

  [[nodiscard]] double operator()(double compute_flops) const;
};

/// The compute-optimal configuration of one budget, as the headline method found it.
struct OptimalPoint {
  double compute_budget = 0.0;
  double model_size = 0.0;  ///< a whole number with argmin, a parabola's vertex otherwise
  double num_tokens = 0.0;
  double final_loss = 0.0;
};

/// One completed run of an IsoFLOP budget.
struct IsoflopPoint {
  std::string experiment_id;
  double model_size = 0.0;
  double num_tokens = 0.0;
  double loss = 0.0;
};

/// One budget: its runs, and the parabola L = c0 + c1 x + c2 x^2 in x = ln N through the windowed
/// ones. `status` is "ok", or the reason why this budget has no vertex.
struct Isoflop {
  double compute_budget = 0.0;
  std::vector<IsoflopPoint> points;  ///< sorted by model_size
  std::string status;
  std::optional<double> c0, c1, c2;
  std::optional<double> vertex_size;   ///< N at the vertex; only if status is "ok"
  std::optional<double> vertex_loss;
  std::optional<double> vertex_log_stderr;  ///< standard error of ln N at the vertex
  std::optional<double> residual_rms;  ///< root mean square residual, relative to the loss
};

/// One estimator's answer. Fields that an estimator does not have are empty.
/// exponent_a: N_opt ~ C^a; exponent_b: D_opt ~ C^b; coefficient_k: N_opt = k C^a.
struct Estimator {
  std::string name;    ///< "argmin", "quadratic", "vp"
  std::string status;  ///< "converged"/"ok", or the reason why there is no answer
  std::optional<double> E, A, B, alpha, beta;  ///< surface L = E + A/N^alpha + B/D^beta
  std::optional<double> exponent_a, exponent_b, coefficient_k;
  std::optional<Interval> E_ci, A_ci, B_ci, alpha_ci, beta_ci;
  std::optional<Interval> exponent_a_ci, exponent_b_ci, coefficient_k_ci;
  std::optional<double> residual_rms;  ///< relative to the loss
  std::optional<int64_t> num_points;   ///< runs (vp) or budgets (argmin, quadratic) that it used

  [[nodiscard]] bool usable() const { return status == "ok"; }
};

/// The predicted optimum at one compute, from the headline law.
struct Prediction {
  double target_compute = 0.0;
  double model_size = 0.0;
  double num_tokens = 0.0;
  std::optional<double> loss;
  double tokens_per_param = 0.0;
  std::optional<Interval> model_size_ci, num_tokens_ci, loss_ci;
  double extrapolation = 0.0;  ///< target / largest budget of the fit
};

struct Provenance {
  std::string program;   ///< "ff-analyze 0.1.0"
  std::string created;   ///< ISO 8601, UTC
  std::string results_path;
  int64_t runs_read = 0;
  int64_t runs_used = 0;
  std::string headline;  ///< the estimator behind n_opt_fit, d_opt_fit, l_opt_fit
};

struct ScalingLaws {
  std::optional<PowerLaw> n_opt_fit, d_opt_fit, l_opt_fit;
  std::vector<OptimalPoint> optimal_points;
  std::optional<double> optimal_ratio;  ///< geometric-free mean of D/N over the optimal points
  std::vector<Isoflop> isoflop;
  std::vector<Estimator> estimators;
  std::optional<double> floor_nats;     ///< the corpus's known entropy floor, where there is one
  Json validation = Json::object();     ///< leave-one-out and exponent checks
  std::vector<Prediction> predictions;
  std::vector<std::string> warnings;
  std::optional<Provenance> provenance;
};

[[nodiscard]] ScalingLaws read_laws(const std::filesystem::path& path);
void write_laws(const std::filesystem::path& path, const ScalingLaws& laws);

}  // namespace ff::io
