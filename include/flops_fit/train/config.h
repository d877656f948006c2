// SPDX-License-Identifier: MIT
#pragma once
// The configuration of ff-train. Every key stands here once: name, default, unit, meaning, limits.
// No LibTorch here: the other programs read these keys too, to check what they pass on.
#include "flops_fit/api/config.h"
#include "flops_fit/config/field.h"
#include "flops_fit/data/config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ff::train {

struct PathsSection {
  std::string sweep = "${output_dir}/sweep.json";
  std::string output = "${output_dir}";

  template <class V>
  void visit(V& v) {
    v("sweep", sweep, {.doc = "The plan to train.", .identity = false});
    v("output", output, {.doc = "Folder of results.json and runs/.", .identity = false});
    v.refused("checkpoints", "checkpoints live in <paths.output>/runs/<id>/checkpoint");
    v.refused("logs", "each run logs to <paths.output>/runs/<id>/metrics.jsonl");
  }
};

/// How several ff-train share one sweep.
struct RunSection {
  std::string shard = "auto";
  double lock_timeout_s = 60.0;
  bool replace = false;

  template <class V>
  void visit(V& v) {
    v("shard",
      shard,
      {.doc = "The part of the sweep to train: i/n with i from 0 to n-1 (shards of about equal "
              "predicted cost), all, or auto: what SLURM_ARRAY_TASK_ID says in a Slurm job array, "
              "else all.",
       .identity = false});
    v("lock_timeout_s",
      lock_timeout_s,
      {.doc = "An experiment that an ff-train on another machine locked, and gave no sign of life "
              "for so long, is taken over. (On this machine a dead one is known at once.)",
       .unit = "s",
       .min = 1.0,
       .max = 1e6,
       .identity = false});
    v("replace",
      replace,
      {.doc = "Move unfinished runs of another configuration or plan, with their checkpoints, to "
              "<paths.output>/replaced; false = refuse to start. (They go on from there when that "
              "configuration is run again.)",
       .identity = false});
  }
};

struct OutputSection {
  bool keep_weights = false;

  template <class V>
  void visit(V& v) {
    v("keep_weights",
      keep_weights,
      {.doc = "Keep the final weights of each run as runs/<id>/weights.safetensors.",
       .identity = false});
  }
};

struct HardwareSection {
  std::string device = "auto";
  std::optional<int64_t> num_threads;
  std::string dtype = "float32";
  bool pin_memory = false;
  bool pin_workers = true;
  std::optional<double> memory_limit_gib;

  template <class V>
  void visit(V& v) {
    v("device",
      device,
      {.doc = "Where to train; auto = CUDA if this LibTorch has it, else the CPU.",
       .choices = {"auto", "cpu", "cuda"}});
    v("num_threads",
      num_threads,
      {.doc = "Cores to use, and so experiments trained at once on the CPU (the last ones get "
              "several cores each); null = all that this process may use.",
       .min = 1,
       .max = 4096,
       .identity = false});
    v("dtype",
      dtype,
      {.doc = "Factors of the matrix products; bfloat16 needs the fused engine on a CPU with "
              "AVX512_BF16. Weights, sums and the rest are float32.",
       .choices = {"float32", "bfloat16"}});
    v("pin_memory",
      pin_memory,
      {.doc = "Copy batches to CUDA through page-locked memory.", .identity = false});
    v("pin_workers",
      pin_workers,
      {.doc = "Bind each worker to cores of its own, if the sweep uses all cores.",
       .identity = false});
    v("memory_limit_gib",
      memory_limit_gib,
      {.doc = "Memory that the whole sweep may take; fewer experiments run at once to stay within "
              "it. null = what this machine, control group and ulimit leave.",
       .unit = "GiB",
       .min = 0.0,
       .identity = false});
    v.refused("num_workers",
              "batches are made inside each training process; hardware.num_threads sets how many "
              "run at once");
  }
};

struct TrainerSection {
  std::optional<int64_t> batch_size;
  int64_t accumulation_steps = 1;
  std::optional<double> learning_rate;
  std::string scheduler = "linear";
  std::optional<double> warmup_ratio;
  double decay_fraction = 0.3;
  double final_lr_fraction = 0.0;
  double weight_decay = 0.0;
  double max_grad_norm = 0.0;
  std::string optimizer = "adamw";
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.99;
  double adam_eps = 1e-8;
  std::optional<int64_t> seed;
  int64_t log_every = 100;
  int64_t eval_every = 0;
  std::string checkpoint_every = "60s";
  int64_t diverged_retries = 0;
  double diverged_lr_factor = 0.5;

  template <class V>
  void visit(V& v) {
    v("batch_size",
      batch_size,
      {.doc = "Sequences per optimizer step; null = as planned. Tokens stay as planned.",
       .min = 1});
    v("accumulation_steps",
      accumulation_steps,
      {.doc = "Split each batch into this many parts, to save memory; the update is the same. (The "
              "fused engine takes a few rows at a time in any case.)",
       .min = 1});
    v("learning_rate",
      learning_rate,
      {.doc = "Peak learning rate eta; null = as planned.", .min = 0.0});
    v("scheduler",
      scheduler,
      {.doc =
           "Decay after the warm-up, to each run's own last step: linear, cosine, wsd (constant, "
           "then linear over decay_fraction), or constant.",
       .choices = {"linear", "cosine", "wsd", "constant"}});
    v("warmup_ratio",
      warmup_ratio,
      {.doc = "Share of the steps that warm up linearly; null = as planned.",
       .min = 0.0,
       .max = 0.9});
    v("decay_fraction",
      decay_fraction,
      {.doc = "Share of the steps that decay, for scheduler=wsd.", .min = 0.0, .max = 1.0});
    v("final_lr_fraction",
      final_lr_fraction,
      {.doc = "Learning rate at the last step over the peak.", .min = 0.0, .max = 1.0});
    v("weight_decay",
      weight_decay,
      {.doc = "Weight decay. u-mup: each step shrinks all weights by this times the schedule's "
              "factor, whatever the learning rate. sp, mup, mup-legacy: by this times the learning "
              "rate.",
       .min = 0.0,
       .max = 1.0});
    v("max_grad_norm",
      max_grad_norm,
      {.doc = "Clip the gradient's root mean square over all parameters to this; 0 = off. (Under "
              "u-muP the norm itself grows with the parameter count.)",
       .min = 0.0});
    v("optimizer", optimizer, {.doc = "Optimizer.", .choices = {"adamw"}});
    v("adam_beta1",
      adam_beta1,
      {.doc = "Decay of the first moment.", .min = 0.0, .max = 0.9999999});
    v("adam_beta2",
      adam_beta2,
      {.doc = "Decay of the second moment.", .min = 0.0, .max = 0.9999999});
    v("adam_eps", adam_eps, {.doc = "Added to the root of the second moment.", .min = 0.0});
    v("seed", seed, {.doc = "Seed of initialisation and data order; null = as planned.", .min = 0});
    v("log_every",
      log_every,
      {.doc = "Steps between two lines of metrics.jsonl.", .min = 1, .identity = false});
    v("eval_every",
      eval_every,
      {.doc = "Steps between two evaluations on the held-out set; 0 = only at the end.",
       .min = 0,
       .identity = false});
    v("checkpoint_every",
      checkpoint_every,
      {.doc =
           "How often a run saves what it needs to go on: every so many steps (500), or after so "
           "much time (60s, 5min, 1h); 0 = only when it is stopped.",
       .identity = false});
    v.refused("checkpoint_every_s", "write trainer.checkpoint_every=60s");
    v("diverged_retries",
      diverged_retries,
      {.doc = "How often a run that diverges starts again at a lower learning rate; 0 = it stays "
              "as it is, with the status diverged.",
       .min = 0,
       .max = 20,
       .identity = false});
    v("diverged_lr_factor",
      diverged_lr_factor,
      {.doc = "Factor on the learning rate of each such retry.",
       .min = 1e-3,
       .max = 0.99,
       .identity = false});
  }
};

struct EvaluationSection {
  int64_t tokens = 100'000;

  template <class V>
  void visit(V& v) {
    v("tokens",
      tokens,
      {.doc = "Held-out tokens that the final loss is the mean of, at least (or all there are).",
       .min = 1});
  }
};

/// In a sweep the shapes come from sweep.json, and those given here are only compared with them.
/// The model that --show-parametrization and --coord-check look at is made from them.
struct ModelSection {
  std::string parametrization = "u-mup";
  std::optional<bool> norm_gain;
  std::string pos_encoding = "rotary";
  double rope_base = 10000.0;
  std::optional<int64_t> d_model;
  std::optional<int64_t> num_layers;
  std::optional<int64_t> num_heads;
  std::optional<int64_t> head_size;
  std::optional<int64_t> vocab_size;
  std::optional<double> ffn_ratio;
  std::optional<int64_t> d_ff;

  template <class V>
  void visit(V& v) {
    v("parametrization",
      parametrization,
      {.doc = "u-mup: one learning rate for every width; mup: the same idea, from umup.base_width "
              "on; sp: the standard one, as a control; mup-legacy: the Python tool's, which does "
              "not transfer."});
    v("norm_gain",
      norm_gain,
      {.doc =
           "Trainable gains in the norms; null = as the parametrization has it (u-mup: none; the "
           "others: yes)."});
    v("pos_encoding",
      pos_encoding,
      {.doc = "Positions: rotary embedding, or none.", .choices = {"rotary", "none"}});
    v("rope_base", rope_base, {.doc = "Base of the rotary angles.", .min = 1.0});
    v("d_model",
      d_model,
      {.doc = "Width of the model that --show-parametrization shows; null = 64. This and the keys "
              "below: in a sweep the shapes come from sweep.json, and one that differs is refused.",
       .min = 1,
       .max = 1e6,
       .identity = false});
    v("num_layers",
      num_layers,
      {.doc = "Blocks of the model that --show-parametrization and --coord-check use; null = 2.",
       .min = 1,
       .max = 10000,
       .identity = false});
    v("num_heads",
      num_heads,
      {.doc = "Attention heads of that model; null = d_model / head_size.",
       .min = 1,
       .max = 1e6,
       .identity = false});
    v("head_size",
      head_size,
      {.doc = "Features per head of that model; null = 8.",
       .min = 1,
       .max = 1e6,
       .identity = false});
    v("vocab_size",
      vocab_size,
      {.doc = "Vocabulary of that model; null = the dataset's.",
       .min = 2,
       .max = 1e9,
       .identity = false});
    v("ffn_ratio",
      ffn_ratio,
      {.doc = "d_ff / d_model of that model (d_ff is rounded to a multiple of 8); null = 4.",
       .min = 0.1,
       .max = 64.0,
       .identity = false});
    v("d_ff",
      d_ff,
      {.doc = "Width of the SwiGLU of that model itself; null = by ffn_ratio.",
       .min = 1,
       .max = 1e7,
       .identity = false});
    v.refused("dropout", "there is none: each run of a sweep sees fresh data");
  }
};

struct UmupSection {
  bool enabled = true;
  double alpha_res = 1.0;
  double alpha_res_attn_ratio = 1.0;
  double alpha_attn_softmax = 1.0;
  double alpha_ffn_act = 1.0;
  double alpha_loss_softmax = 1.0;
  std::string mlp_constraint = "none";
  std::optional<int64_t> base_width;
  std::optional<int64_t> base_width_wd;
  std::optional<double> base_std;
  std::optional<double> no_decay_lr_mult;

  template <class V>
  void visit(V& v) {
    v("enabled",
      enabled,
      {.doc = "false = model.parametrization becomes sp, as in the Python tool."});
    v("alpha_res",
      alpha_res,
      {.doc = "Variance of all branches against the embedding's.", .min = 1e-6});
    v("alpha_res_attn_ratio",
      alpha_res_attn_ratio,
      {.doc = "Attention branches against MLP branches.", .min = 1e-6});
    v("alpha_attn_softmax",
      alpha_attn_softmax,
      {.doc = "Multiplies the attention logits.", .min = 1e-6});
    v("alpha_ffn_act", alpha_ffn_act, {.doc = "Sharpness of the SwiGLU's gate.", .min = 1e-6});
    v("alpha_loss_softmax",
      alpha_loss_softmax,
      {.doc = "Multiplies the final logits.", .min = 1e-6});
    v("mlp_constraint",
      mlp_constraint,
      {.doc = "Gradient scale of the MLP's inputs: none = by fan_out, as the authors' library; "
              "to_output_scale = by fan_in, as the other linears.",
       .choices = {"none", "to_output_scale"}});
    v("base_width",
      base_width,
      {.doc =
           "mup, mup-legacy: the width at which the learning rate holds for hidden weights (null "
           "= 32). u-mup has none; there it converts a trainer.learning_rate of the Python tool: "
           "eta = learning_rate * base_width * sqrt(layers), a first guess.",
       .unit = "features",
       .min = 1});
    v("base_width_wd",
      base_width_wd,
      {.doc = "mup-legacy: the width at which the decay holds for hidden weights (null = 1024). "
              "u-mup: with base_width, converts trainer.weight_decay to learning_rate * "
              "weight_decay * base_width / base_width_wd per step.",
       .unit = "features",
       .min = 1});
    v("base_std",
      base_std,
      {.doc = "mup, mup-legacy: initial scale (null = mup: as sp at base_width; mup-legacy: 0.02). "
              "u-mup starts at unit scale and does not use it.",
       .min = 1e-9});
    v("no_decay_lr_mult",
      no_decay_lr_mult,
      {.doc = "The Python tool's name of lr_mult.embedding and lr_mult.norm together.",
       .min = 0.0});
  }
};

struct LrMultSection {
  double embedding = 1.0;
  double hidden = 1.0;
  double norm = 1.0;
  double output = 1.0;

  template <class V>
  void visit(V& v) {
    v("embedding", embedding, {.doc = "Factor on the embedding's learning rate.", .min = 0.0});
    v("hidden", hidden, {.doc = "Factor on the blocks' learning rates.", .min = 0.0});
    v("norm", norm, {.doc = "Factor on the norm gains' learning rates.", .min = 0.0});
    v("output", output, {.doc = "Factor on the head's learning rate.", .min = 0.0});
  }
};

struct CoordCheckSection {
  std::vector<int64_t> widths = {32, 64, 128, 256, 512};
  std::optional<int64_t> seeds;
  int64_t steps = 5;
  int64_t batch_size = 8;
  std::optional<double> learning_rate;

  template <class V>
  void visit(V& v) {
    v("widths", widths, {.doc = "Widths to compare.", .unit = "features", .min = 1});
    v("seeds",
      seeds,
      {.doc = "Initialisations to average over; null = 3 for widths over a factor of 16, more for "
              "fewer or closer widths.",
       .min = 1,
       .max = 100});
    v("steps", steps, {.doc = "Training steps.", .min = 1, .max = 1000});
    v("batch_size", batch_size, {.doc = "Batch of those steps.", .unit = "sequences", .min = 1});
    v("learning_rate",
      learning_rate,
      {.doc =
           "Constant learning rate of the check; null = trainer.learning_rate, or else the usual "
           "one of the parametrization (u-mup 0.5, mup and sp 2^-7, mup-legacy 2^-6).",
       .min = 0.0});
  }
};

/// L = E + A / N^alpha + B / D^beta, with N = model_size and D = num_tokens.
struct MockSection {
  double E = 1.69;
  double A = 406.4;
  double B = 410.7;
  double alpha = 0.34;
  double beta = 0.28;
  double noise = 0.005;
  int64_t seed = 0;

  template <class V>
  void visit(V& v) {
    v("E", E, {.doc = "Irreducible loss.", .unit = "nats/token", .min = 0.0});
    v("A", A, {.doc = "Coefficient of the model-size term.", .min = 0.0});
    v("B", B, {.doc = "Coefficient of the data term.", .min = 0.0});
    v("alpha", alpha, {.doc = "Exponent of the model-size term.", .min = 0.0});
    v("beta", beta, {.doc = "Exponent of the data term.", .min = 0.0});
    v("noise",
      noise,
      {.doc = "Standard deviation of the noise, relative to the loss.", .min = 0.0, .max = 1.0});
    v("seed", seed, {.doc = "Seed of the noise.", .min = 0});
  }
};

struct TrainConfig {
  std::string mode = "local";
  std::string engine = "auto";
  std::string output_dir = "outputs";
  bool resume = true;
  PathsSection paths;
  OutputSection output;
  RunSection run;
  data::DatasetConfig dataset;
  HardwareSection hardware;
  TrainerSection trainer;
  EvaluationSection evaluation;
  ModelSection model;
  UmupSection umup;
  LrMultSection lr_mult;
  CoordCheckSection coord_check;
  MockSection mock;
  api::ApiSection api;

  template <class V>
  void visit(V& v) {
    v("mode",
      mode,
      {.doc =
           "local: train for real on this machine; mock: draw losses from a planted law (mock.*), "
           "to try the pipeline; api: have an external service train them (api.*).",
       .choices = {"local", "mock", "api"}});
    v("engine",
      engine,
      {.doc =
           "What runs a training step: eager (LibTorch, CPU or CUDA), fused (by hand, CPU, faster "
           "on small models), auto (fused wherever it can).",
       .choices = {"auto", "eager", "fused"}});
    v("output_dir",
      output_dir,
      {.doc = "Folder of all files of a sweep; the paths of every stage start from it.",
       .identity = false});
    v("resume",
      resume,
      {.doc = "Keep experiments that are completed under the same configuration; false = train all "
              "again.",
       .identity = false});
    v("paths", paths, {.doc = "Files read and written.", .identity = false});
    v("output", output, {.doc = "What is kept of a run.", .identity = false});
    v("run", run, {.doc = "Sharing a sweep between several ff-train.", .identity = false});
    v("dataset", dataset, {.doc = "The corpus."});
    v("hardware", hardware, {.doc = "The machine."});
    v("trainer", trainer, {.doc = "Optimization."});
    v("evaluation", evaluation, {.doc = "The final loss."});
    v("model", model, {.doc = "The models."});
    v("umup", umup, {.doc = "Hyper-parameters of u-muP; 1 is the unit-scaled default."});
    v("lr_mult", lr_mult, {.doc = "Learning-rate factors per tensor type."});
    v("coord_check",
      coord_check,
      {.doc = "What ff-train --coord-check does; there, `coord_check.` may be left out.",
       .identity = false});
    v("mock", mock, {.doc = "The planted law of mode=mock: L = E + A/N^alpha + B/D^beta."});
    // Part of the identity of mode=api only, through its data_identity().
    v("api", api, {.doc = "The external training service of mode=api.", .identity = false});
  }
};

}  // namespace ff::train
