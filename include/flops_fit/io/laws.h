// SPDX-License-Identifier: MIT
#pragma once
// scaling_laws.json: what ff-analyze found. n_opt_fit, d_opt_fit, l_opt_fit, optimal_points and
// optimal_ratio are the Python tool's, whose files are read as they are (the rest is absent there).
// N parameters, D tokens, C FLOPs, L loss [nats/token].
#include "flops_fit/cost/transformer.h"
#include "flops_fit/io/json.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
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
  /// Of the log-log regression over the budgets; none with two points or fewer. Where the law comes
  /// from a surface (N_opt and D_opt of vp) there is no such regression: that of the surface over
  /// the runs' losses.
  std::optional<double> r_squared;
  std::optional<Interval> k_ci;
  std::optional<Interval> a_ci;
  std::string formula;        ///< "N_opt = 1.6934e+02 * C^0.2801"
  std::string status = "ok";  ///< or "low r_squared": below fitting.min_r_squared

  [[nodiscard]] double operator()(double compute_flops) const;
};

/// L_opt = irreducible + coefficient_k * C^exponent_c, with exponent_c < 0: what a surface says of
/// the loss at the optimum, where l_opt_fit's straight line in log-log cannot bend towards E.
struct IrreducibleLaw {
  double irreducible = 0.0;
  double coefficient_k = 0.0;
  double exponent_c = 0.0;
  std::string formula;

  [[nodiscard]] double operator()(double compute_flops) const;
};

/// The compute-optimal configuration of one budget, as the headline method found it.
struct OptimalPoint {
  double compute_budget = 0.0;
  double model_size = 0.0;  ///< a run's with argmin, a parabola's vertex, or the surface's optimum
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
  int64_t points_used = 0;           ///< of them, within the parabola's window; not in the file
  std::string status;
  std::optional<double> c0, c1, c2;
  std::optional<double> vertex_size;    ///< N at the vertex; only if status is "ok"
  std::optional<double> vertex_tokens;  ///< D there, on the line of ln D over ln N
  std::optional<double> vertex_loss;
  std::optional<double> vertex_log_stderr;  ///< standard error of ln N at the vertex
  std::optional<double> residual_rms;       ///< root mean square residual, relative to the loss
};

struct ExtraParameter {
  std::string name;
  double value = 0.0;
  std::optional<Interval> ci;
};

/// One estimator's answer. Fields that an estimator does not have are empty.
/// exponent_a: N_opt ~ C^a; exponent_b: D_opt ~ C^b; coefficient_k: N_opt = k C^a.
struct Estimator {
  std::string name;  ///< "argmin", "quadratic", "vp", ...
  /// "ok", or in words why it has no answer; only then its numbers serve predictions. A surface at
  /// a bound or with a flat direction still has numbers.
  std::string status;
  std::optional<double> objective;             ///< of a parametric fit, at its end point
  std::optional<double> E, A, B, alpha, beta;  ///< surface L = E + A/N^alpha + B/D^beta
  std::optional<double> exponent_a, exponent_b, coefficient_k;
  std::optional<Interval> E_ci, A_ci, B_ci, alpha_ci, beta_ci;  ///< in the file: ci.E, ci.A, ...
  std::optional<Interval> exponent_a_ci, exponent_b_ci, coefficient_k_ci;
  /// Of the bootstrap, by the name of what they belong to; in the file: stderr.E, ...
  std::vector<std::pair<std::string, double>> standard_errors;
  std::optional<double> residual_rms;  ///< relative to the loss
  std::optional<double> r_squared;    ///< of ln N over ln C (argmin, quadratic), of the losses (vp)
  std::optional<int64_t> num_points;  ///< runs (vp) or budgets (argmin, quadratic) that it used
  /// What a form has beyond these, such as r_d_star, with intervals where there are any.
  std::vector<ExtraParameter> extra;
  /// Why its numbers are the optimum of its objective: gradient_norm, decrement, starts,
  /// starts_agreeing, bounds_hit, condition_number, flat_directions. Empty where there is nothing
  /// to optimize.
  Json certificate = Json::object();
  int64_t bootstrap_replicates = 0;
  int64_t bootstrap_usable = 0;  ///< the intervals are there only if at least 80% are

  [[nodiscard]] bool usable() const { return status == "ok"; }
};

/// The cheapest model of the predicted quality over training and serving.
struct LifetimePrediction {
  double inference_tokens = 0.0;
  double model_size = 0.0, num_tokens = 0.0;
  double training_flops = 0.0, total_flops = 0.0;
  double saved_share = 0.0;  ///< of what the training-optimal model of that loss costs in all
};

/// The optimum when only so many different tokens exist.
struct RepeatedPrediction {
  double unique_tokens = 0.0;
  double model_size = 0.0, num_tokens = 0.0, loss = 0.0, epochs = 0.0;
  std::string basis;  ///< where R_D and R_N come from
};

struct TrainingTime {
  std::string machine;
  double flops_per_s = 0.0;  ///< that it is taken to reach
  double seconds = 0.0;
};

/// The predicted optimum at one compute, from the headline law.
struct Prediction {
  double target_compute = 0.0;
  double model_size = 0.0;
  double num_tokens = 0.0;
  std::optional<double> loss;
  double tokens_per_param = 0.0;
  std::optional<Interval> model_size_ci, num_tokens_ci, loss_ci;  ///< the headline's bootstrap
  /// What is printed: the bootstrap interval together with the other estimators' estimates, because
  /// the choice of estimator moves the answer by more than resampling does.
  std::optional<Interval> model_size_range, num_tokens_range, loss_range;
  std::vector<std::pair<std::string, double>> by_estimator;  ///< N of each certified estimator
  double extrapolation = 0.0;                                ///< target / largest budget of the fit
  std::string status = "ok";                                 ///< or "extrapolation beyond 100x"
  /// Sizes that waste at most 1% of the compute, and the shares wasted at model_size_range's ends;
  /// only with a surface.
  std::optional<Interval> cheap_sizes, wasted_at_range;
  std::optional<cost::Architecture> architecture;
  std::vector<TrainingTime> times;
  std::optional<LifetimePrediction> lifetime;
  std::optional<RepeatedPrediction> repeated;
};

/// What quadratic made of one budget.
struct BudgetVertex {
  double compute_budget = 0.0;
  std::optional<double> n_opt, d_opt, loss, curvature;  ///< curvature: d2L / d(ln N)^2
  int64_t points = 0;                                   ///< runs within the window
  bool used = false;
  std::string reason;  ///< why not; empty if used
};

struct Provenance {
  std::string program;  ///< "ff-analyze 0.1.0"
  std::string created;  ///< ISO 8601, UTC
  std::string results_path;
  int64_t runs_read = 0;
  int64_t runs_used = 0;
  std::string requested;      ///< fitting.method
  std::string headline;       ///< the estimator behind n_opt_fit, d_opt_fit, l_opt_fit
  double flops_per_nd = 6.0;  ///< median of C/(N D) over the runs: the cost convention of the laws
  double confidence = 0.95;   ///< of every interval
  Json made_by = nullptr;     ///< io::provenance()
};

struct ScalingLaws {
  std::optional<PowerLaw> n_opt_fit, d_opt_fit, l_opt_fit;
  std::optional<IrreducibleLaw> l_opt_irreducible;  ///< only if the headline is a surface
  std::vector<OptimalPoint> optimal_points;
  std::optional<double> optimal_ratio;  ///< median of D/N over the optimal points
  std::vector<Isoflop> isoflop;
  std::vector<BudgetVertex> quadratic;  ///< in the file: quadratic.per_budget
  std::vector<Estimator> estimators;
  std::optional<double> floor_nats;  ///< the corpus's known entropy floor, where there is one
  Json validation = Json::object();  ///< exponent, leave_one_budget_out, rollout, jackknife
  Json parabola_bias = nullptr;      ///< of quadratic on the headline's surface; null without one
  Json conventions = Json::array();  ///< the law under each count of N and of C that the runs carry
  std::vector<Prediction> predictions;
  std::vector<std::string> warnings;
  std::optional<Provenance> provenance;
};

/// "N_opt = 1.6934e+02 * C^0.2801", as the Python tool writes it.
[[nodiscard]] std::string formula_of(const PowerLaw& law);

/// Reads scaling_laws.json, ours or the Python tool's. Throws FileError for a missing, damaged or
/// wrongly shaped file, naming the field.
[[nodiscard]] ScalingLaws read_laws(const std::filesystem::path& path);
void write_laws(const std::filesystem::path& path, const ScalingLaws& laws);

[[nodiscard]] Json to_json(const ScalingLaws& laws);
[[nodiscard]] ScalingLaws laws_from_json(const Json& value, const std::string& where);
[[nodiscard]] Json to_json(const Isoflop& isoflop);

}  // namespace ff::io
