// SPDX-License-Identifier: MIT
#pragma once
// The configuration of ff-analyze. The fits themselves take the small structs in here.
#include "flops_fit/config/field.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ff::analysis {

struct FittingConfig {
  std::string method = "auto";
  double min_r_squared = 0.85;
  bool robust = false;
  bool enforce_monotonic = false;
  double window_nats = 0.5;
  bool weight_vertices = true;
  bool subtract_bias = false;
  double huber_delta = 1e-3;
  int64_t starts = 256;
  double tolerance = 1e-12;
  int64_t envelope_bins = 1500;
  std::string repeat_base = "published";

  template <class V>
  void visit(V& v) {
    v("method",
      method,
      {.doc =
           "Estimator behind n_opt_fit, d_opt_fit and l_opt_fit; every estimator is fitted and "
           "shown. auto: vp, or huber where runs lie far off the surface (outliers). Where the "
           "estimator has no answer, the next of vp, huber, log_mse, lad and quadratic is taken, "
           "with a warning. argmin (in the Python tool: empirical) and envelope only if asked "
           "for.",
       .choices = {"auto",
                   "vp",
                   "huber",
                   "log_mse",
                   "lad",
                   "quadratic",
                   "envelope",
                   "argmin",
                   "empirical"}});
    v("min_r_squared",
      min_r_squared,
      {.doc = "A power law whose R^2 is below this is marked \"low r_squared\" and warned of.",
       .min = 0.0,
       .max = 1.0});
    v("robust",
      robust,
      {.doc = "Fit the log-log lines of argmin and quadratic with Huber's loss (1.345 robust "
              "standard deviations) instead of least squares. vp has no such line."});
    v("enforce_monotonic",
      enforce_monotonic,
      {.doc = "Pool neighbouring budgets of argmin and quadratic whose optimal size falls with "
              "compute (pool adjacent violators) before the line is fitted."});
    v("window_nats",
      window_nats,
      {.doc =
           "quadratic: use the runs whose loss is at most this far above their budget's minimum.",
       .unit = "nats per token",
       .min = 1e-6});
    v("weight_vertices",
      weight_vertices,
      {.doc =
           "quadratic: weight each vertex by 1/s.e.^2 when every parabola has at least 4 sizes."});
    v("subtract_bias",
      subtract_bias,
      {.doc =
           "quadratic: move each vertex back by what a parabola through these sizes would miss on "
           "the fitted surface (the bias is printed in any case)."});
    v("huber_delta",
      huber_delta,
      {.doc = "huber: residuals of ln L beyond this count linearly. 1e-3 is Hoffmann et al.'s; it "
              "lies below the usual scatter, so that the fit is nearly that of least absolute "
              "deviations.",
       .min = 1e-9});
    v("starts",
      starts,
      {.doc = "Starting points of vp, huber, log_mse and lad; at least 16, and 3 that agree, are "
              "needed for a certificate.",
       .min = 1,
       .max = 1e6});
    v("tolerance",
      tolerance,
      {.doc = "A parametric fit stops where a Newton step would lower its objective by less than "
              "this share; above 1e-9 is no certificate.",
       .min = 0,
       .max = 1});
    v("envelope_bins",
      envelope_bins,
      {.doc = "envelope: log-spaced FLOP counts at which the lowest training curve is sought.",
       .min = 2,
       .max = 1e6});
    v("repeat_base",
      repeat_base,
      {.doc = "data_constrained: E, A, B, alpha, beta of Muennighoff et al. 2023 (C4, published), "
              "or fitted together with R_D and R_N.",
       .choices = {"published", "fitted"}});
    v.refused("group_tolerance", "set input.group_budgets instead");
  }
};

struct ValidationConfig {
  bool leave_one_out = true;
  bool rollout = true;
  std::vector<double> rollout_cuts;
  bool jackknife = true;
  double expected_exponent = 0.5;
  double exponent_tolerance = 0.15;

  template <class V>
  void visit(V& v) {
    v("leave_one_out",
      leave_one_out,
      {.doc = "Refit every estimator without each budget in turn, and record what it then predicts "
              "there, under validation.leave_one_budget_out."});
    v("rollout",
      rollout,
      {.doc = "Fit the budgets below a cut and predict those above, under validation.rollout: an "
              "exponent that moves with the cut is less certain than its interval."});
    v("rollout_cuts",
      rollout_cuts,
      {.doc = "The cuts; empty: budgets with about 50, 65, 80 and 90% of the runs below.",
       .unit = "FLOP",
       .min = 1});
    v("jackknife",
      jackknife,
      {.doc = "Refit without each run in turn: which run moves the answer most, under "
              "validation.jackknife."});
    v("expected_exponent",
      expected_exponent,
      {.doc = "The exponent a of N_opt ~ C^a that is expected (Chinchilla: 0.5)."});
    v("exponent_tolerance",
      exponent_tolerance,
      {.doc = "Warn if the headline's exponent is further than this from the expected one.",
       .min = 0.0});
  }
};

struct HardwareEntry {
  std::string name = "H100 SXM";
  double peak_flops_per_s = 989.4e12;
  double utilization = 0.4;
  double devices = 1;

  template <class V>
  void visit(V& v) {
    v("name", name, {.doc = "What the table calls it; empty: no such column."});
    v("peak_flops_per_s",
      peak_flops_per_s,
      {.doc = "Peak of one device (H100 SXM: 989.4e12 in dense bfloat16, NVIDIA's data sheet).",
       .unit = "FLOP/s",
       .min = 1});
    v("utilization",
      utilization,
      {.doc = "Share of the peak that training reaches.", .min = 1e-6, .max = 1.0});
    v("devices", devices, {.doc = "How many of them train together.", .min = 1});
  }
};

struct PredictConfig {
  double inference_tokens = 0;
  double unique_tokens = 0;
  bool training_time = true;
  HardwareEntry hardware;

  template <class V>
  void visit(V& v) {
    v("inference_tokens",
      inference_tokens,
      {.doc =
           "Tokens that the model will serve (2N FLOPs each): also predict the model of the same "
           "loss whose training and serving together cost least. 0: serving costs nothing.",
       .unit = "tokens",
       .min = 0});
    v("unique_tokens",
      unique_tokens,
      {.doc = "Different tokens that exist: also predict the optimum that repeats them. 0: enough.",
       .unit = "tokens",
       .min = 0});
    v("training_time",
      training_time,
      {.doc = "Predict how long each target takes on all cores of this machine (measured for a "
              "moment, as ff-plan does) and on predict.hardware."});
    v("hardware", hardware, {.doc = "Another machine to predict the training time for."});
  }
};

struct BootstrapConfig {
  int replicates = 1000;
  int64_t seed = 0;
  double confidence = 0.95;

  template <class V>
  void visit(V& v) {
    v("replicates",
      replicates,
      {.doc = "Bootstrap replicates for the intervals; 0 gives none.", .min = 0, .max = 1e6});
    v("seed", seed, {.doc = "Seed of the resampling; the same seed gives the same intervals."});
    v("confidence",
      confidence,
      {.doc = "Two-sided level of every interval.", .min = 0.5, .max = 0.999});
  }
};

struct OutputConfig {
  bool save_fit = true;
  bool save_isoflops = true;
  bool generate_configs = true;
  bool save_report = true;

  template <class V>
  void visit(V& v) {
    v("save_fit",
      save_fit,
      {.doc = "Write scaling_laws.json (lr_transfer.json for an lr_transfer sweep); if false, what "
              "was found is only printed."});
    v("save_isoflops",
      save_isoflops,
      {.doc = "Include every budget's runs and parabola in scaling_laws.json (key isoflop, which "
              "the plots draw)."});
    v("generate_configs",
      generate_configs,
      {.doc = "Write optimal_configs.json: N, D, loss and, where runs carry architectures, a shape "
              "for every budget and target; and print it."});
    v("save_report",
      save_report,
      {.doc = "Write report.md: all that is printed, and the tables that are too long for that."});
  }
};

/// Column names of paths.results. Empty: the first of the known names that the file has.
struct InputColumns {
  std::string params;
  std::string tokens;
  std::string flops;
  std::string loss;
  std::string budget;
  std::string id;
  std::string status;
  std::string unique_tokens;
  std::string params_total;
  std::string params_non_embedding;
  std::string run;

  template <class V>
  void visit(V& v) {
    v("params", params, {.doc = "N, parameters (params, model_size, ...)."});
    v("tokens", tokens, {.doc = "D, training tokens (tokens, num_tokens, ...)."});
    v("flops", flops, {.doc = "C, training FLOPs spent (flops, actual_flops, ...); 6ND if none."});
    v("loss", loss, {.doc = "Loss in nats per token (loss, final_loss, ...)."});
    v("budget",
      budget,
      {.doc = "The IsoFLOP budget of a run (compute_budget, budget, ...); its FLOPs if none."});
    v("id", id, {.doc = "Name of a run (experiment_id, run_id, name, id); its line if none."});
    v("status",
      status,
      {.doc = "Whether a run completed (status, state); every run did if there is none."});
    v("unique_tokens", unique_tokens, {.doc = "Tokens without their repetitions."});
    v("params_total", params_total, {.doc = "Parameters, embeddings included."});
    v("params_non_embedding", params_non_embedding, {.doc = "Parameters without embeddings."});
    v("run",
      run,
      {.doc =
           "Which run a row is a checkpoint of (run). The row with most tokens is then the run's "
           "end, and all of its rows are its training curve."});
  }
};

struct InputConfig {
  InputColumns columns;
  std::vector<std::string> filter;
  double group_budgets = 0.02;
  bool allow_mixed_data = false;

  template <class V>
  void visit(V& v) {
    v("columns",
      columns,
      {.doc = "Columns of paths.results by name; empty takes the first known name that is there."});
    v("filter",
      filter,
      {.doc = "Conditions column=value that a row has to meet, every one of them; also !=, <, >, "
              "<= and >=."});
    v("group_budgets",
      group_budgets,
      {.doc = "Runs whose budget differs by at most this share belong to one budget.",
       .min = 0.0,
       .max = 1.0});
    v("allow_mixed_data",
      allow_mixed_data,
      {.doc = "Fit runs of different corpora or tokenizers together; false refuses them."});
  }
};

struct AnalyzerPaths {
  std::string results = "${output_dir}/results.json";
  std::string trajectories;
  std::string analysis = "${output_dir}/analysis";

  template <class V>
  void visit(V& v) {
    v("results",
      results,
      {.doc =
           "What ff-train wrote, or runs from anywhere: a JSON array of objects, JSONL (one object "
           "a line) or CSV with a header line."});
    v("trajectories",
      trajectories,
      {.doc = "Losses during the runs: a CSV or JSONL of checkpoints (see input.columns.run), or a "
              "folder of <id>/metrics.jsonl. Empty: the folder runs beside paths.results, if it is "
              "there."});
    v("analysis", analysis, {.doc = "Folder that ff-analyze writes to."});
  }
};

struct AnalyzerConfig {
  std::string output_dir = "outputs";
  AnalyzerPaths paths;
  InputConfig input;
  std::vector<double> target_compute = {1e15};
  FittingConfig fitting;
  PredictConfig predict;
  ValidationConfig validation;
  BootstrapConfig bootstrap;
  OutputConfig output;

  template <class V>
  void visit(V& v) {
    v("output_dir", output_dir, {.doc = "Folder of this project's files."});
    v("paths", paths, {.doc = "Files read and written."});
    v("input", input, {.doc = "What is read from paths.results."});
    v("target_compute",
      target_compute,
      {.doc = "Training budgets to predict the optimum for.", .unit = "FLOP", .min = 1});
    v("fitting", fitting, {.doc = "The estimators."});
    v("predict", predict, {.doc = "What is predicted for each target."});
    v("validation", validation, {.doc = "Checks of the law."});
    v("bootstrap", bootstrap, {.doc = "Intervals."});
    v("output", output, {.doc = "Which files are written."});
  }
};

}  // namespace ff::analysis
