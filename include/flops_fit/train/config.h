// SPDX-License-Identifier: MIT
#pragma once
// The configuration of ff-train. Every key stands here once: name, default, unit, meaning, limits.
// No LibTorch here: the other programs read these keys too, to check what they pass on.
#include "flops_fit/config/field.h"
#include "flops_fit/data/config.h"

#include <cstdint>
#include <optional>
#include <string>

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

struct HardwareSection {
  std::string device = "auto";
  std::optional<int64_t> num_threads;
  std::string dtype = "float32";
  bool pin_memory = false;

  template <class V>
  void visit(V& v) {
    v("device",
      device,
      {.doc = "Where to train; auto = CUDA if this LibTorch has it, else the CPU.",
       .choices = {"auto", "cpu", "cuda"}});
    v("num_threads",
      num_threads,
      {.doc = "Experiments trained at once on the CPU, one core each; null = all cores.",
       .min = 1,
       .max = 4096,
       .identity = false});
    v("dtype", dtype, {.doc = "Arithmetic of the model.", .choices = {"float32"}});
    v("pin_memory",
      pin_memory,
      {.doc = "Copy batches to CUDA through page-locked memory.", .identity = false});
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
  double checkpoint_every_s = 60.0;

  template <class V>
  void visit(V& v) {
    v("batch_size",
      batch_size,
      {.doc = "Sequences per optimizer step; null = as planned. Tokens stay as planned.",
       .min = 1});
    v("accumulation_steps",
      accumulation_steps,
      {.doc = "Split each batch into this many parts, to save memory; the update is the same.",
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
      {.doc = "Independent weight decay: each step shrinks weights by this times the schedule's "
              "factor, whatever the learning rate.",
       .unit = "1/step",
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
    v("checkpoint_every_s",
      checkpoint_every_s,
      {.doc = "Seconds between two checkpoints; 0 = none.",
       .unit = "s",
       .min = 0.0,
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

struct ModelSection {
  std::string parametrization = "u-mup";
  std::string pos_encoding = "rotary";
  double rope_base = 10000.0;

  template <class V>
  void visit(V& v) {
    v("parametrization",
      parametrization,
      {.doc = "u-mup: one learning rate for every width; sp: the standard one, as a control."});
    v("pos_encoding",
      pos_encoding,
      {.doc = "Positions: rotary embedding, or none.", .choices = {"rotary", "none"}});
    v("rope_base", rope_base, {.doc = "Base of the rotary angles.", .min = 1.0});
    for (const char* key : {"d_model", "num_layers", "num_heads", "vocab_size", "ffn_ratio"}) {
      v.refused(key,
                "each experiment's shape comes from sweep.json; plan it with ff-plan's model.* "
                "and plan.widths");
    }
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
    v.refused("base_std", "u-muP has unit initialisation; there is no scale to set");
    v.refused("base_width",
              "u-muP has no base width; the learning rate is lr_schedule.base_lr of ff-plan or "
              "trainer.learning_rate (start from 1)");
    v.refused("base_width_wd",
              "u-muP's weight decay does not depend on width; set trainer.weight_decay");
    v.refused("no_decay_lr_mult", "set lr_mult.embedding");
  }
};

struct LrMultSection {
  double embedding = 1.0;
  double hidden = 1.0;
  double output = 1.0;

  template <class V>
  void visit(V& v) {
    v("embedding", embedding, {.doc = "Factor on the embedding's learning rate.", .min = 0.0});
    v("hidden", hidden, {.doc = "Factor on the blocks' learning rates.", .min = 0.0});
    v("output", output, {.doc = "Factor on the head's learning rate.", .min = 0.0});
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
  std::string output_dir = "outputs";
  bool resume = true;
  PathsSection paths;
  data::DatasetConfig dataset;
  HardwareSection hardware;
  TrainerSection trainer;
  EvaluationSection evaluation;
  ModelSection model;
  UmupSection umup;
  LrMultSection lr_mult;
  MockSection mock;

  template <class V>
  void visit(V& v) {
    v("mode",
      mode,
      {.doc =
           "local: train for real on this machine; mock: draw losses from a planted law (mock.*), "
           "to try the pipeline; api: not built yet.",
       .choices = {"local", "mock", "api"}});
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
    v("dataset", dataset, {.doc = "The corpus."});
    v("hardware", hardware, {.doc = "The machine."});
    v("trainer", trainer, {.doc = "Optimization."});
    v("evaluation", evaluation, {.doc = "The final loss."});
    v("model", model, {.doc = "What sweep.json does not say about the models."});
    v("umup", umup, {.doc = "Hyper-parameters of u-muP; 1 is the unit-scaled default."});
    v("lr_mult", lr_mult, {.doc = "Learning-rate factors per tensor type."});
    v("mock", mock, {.doc = "The planted law of mode=mock: L = E + A/N^alpha + B/D^beta."});
  }
};

}  // namespace ff::train
