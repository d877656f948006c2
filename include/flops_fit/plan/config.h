// SPDX-License-Identifier: MIT
#pragma once
// The configuration of ff-plan. Every key stands here once: name, default, unit, meaning, limits.
#include "flops_fit/config/field.h"
#include "flops_fit/cost/transformer.h"
#include "flops_fit/data/config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ff::plan {

// Limits far beyond any plan, within which no product of counts leaves 64 bits.
inline constexpr double kMaxFlops = 1e40;
inline constexpr double kMaxModelSize = 1e13;
inline constexpr double kMaxRunTokens = 1e18;
inline constexpr double kMaxBatchTokens = 1e9;
inline constexpr size_t kMaxExperiments = 100'000;

struct SweepSection {
  std::string kind = "isoflop";
  std::vector<int64_t> widths = {32, 64, 128, 256};
  std::vector<double> log2_learning_rates = {-3, -2, -1, 0, 1, 2, 3};
  double num_tokens = 2e5;
  double batch_tokens = 256;

  template <class V>
  void visit(V& v) {
    v("kind",
      kind,
      {.doc = "isoflop: several model sizes at each compute budget, for scaling laws; lr_transfer: "
              "every width at every learning rate on the same batches, to see whether the best "
              "learning rate moves with width. The keys below are lr_transfer's.",
       .choices = {"isoflop", "lr_transfer"}});
    v("widths",
      widths,
      {.doc = "Widths (d_model) of an lr_transfer sweep; depth is model.num_layers.",
       .unit = "features",
       .min = 1,
       .max = static_cast<double>(cost::kMaxWidth)});
    v("log2_learning_rates",
      log2_learning_rates,
      {.doc = "Learning rates of each width: eta = 2^x for every x in this list. lr_schedule does "
              "not apply.",
       .min = -60.0,
       .max = 60.0});
    v("num_tokens",
      num_tokens,
      {.doc = "Training tokens of every run of an lr_transfer sweep.",
       .unit = "tokens",
       .min = 1.0,
       .max = kMaxRunTokens});
    v("batch_tokens",
      batch_tokens,
      {.doc = "Batch of every run of an lr_transfer sweep, in whole rows: smaller than an IsoFLOP "
              "sweep's, so that a short run has enough steps. schedule.batch_size goes before it.",
       .unit = "tokens",
       .min = 1.0,
       .max = kMaxBatchTokens});
  }
};

struct ComputeGrid {
  double min_flops = 1e11;
  double max_flops = 3e12;
  int num_budgets = 4;
  std::vector<double> budgets;
  int num_model_sizes = 6;
  std::string flops_formula = "exact";
  double min_tokens_per_param = 1.0;
  double tolerance = 0.01;

  template <class V>
  void visit(V& v) {
    v("min_flops",
      min_flops,
      {.doc = "Smallest training budget C.", .unit = "FLOP", .min = 1.0, .max = kMaxFlops});
    v("max_flops",
      max_flops,
      {.doc = "Largest training budget C.", .unit = "FLOP", .min = 1.0, .max = kMaxFlops});
    v("num_budgets",
      num_budgets,
      {.doc = "Number of log-spaced budgets between the two.", .min = 1, .max = 1000});
    v("budgets",
      budgets,
      {.doc =
           "The budgets themselves; if given, min_flops, max_flops and num_budgets are not used.",
       .unit = "FLOP",
       .min = 1.0,
       .max = kMaxFlops});
    v("num_model_sizes",
      num_model_sizes,
      {.doc = "Model sizes per budget.", .min = 1, .max = 1000});
    v("flops_formula",
      flops_formula,
      {.doc = "How the training cost is counted: exact = every matrix product, head and causal "
              "attention included; 6nd = 6 N D, as the Python tool does.",
       .choices = {"exact", "6nd"}});
    v("min_tokens_per_param",
      min_tokens_per_param,
      {.doc = "Leave out sizes that would see fewer tokens than this per parameter.", .min = 0.0});
    v("tolerance",
      tolerance,
      {.doc = "Largest |C_realised / C - 1| after rounding D to whole batches.",
       .min = 1e-6,
       .max = 0.5});
  }
};

struct PriorConfig {
  double coefficient = 0.0;
  double exponent = 0.0;
  std::optional<double> tokens_per_param;
  std::string laws;

  template <class V>
  void visit(V& v) {
    v("coefficient",
      coefficient,
      {.doc = "k of the expected optimum N* = k C^exponent; 0 = the measured law of zipf-stories, "
              "N* = 4.9e4 (C / 1e12)^0.402.",
       .min = 0.0});
    v("exponent", exponent, {.doc = "Exponent of the expected optimum.", .min = 0.0, .max = 1.0});
    v("tokens_per_param",
      tokens_per_param,
      {.doc = "If given, the optimum is expected at this many tokens per parameter instead.",
       .min = 1e-3});
    v("laws",
      laws,
      {.doc = "If given, a scaling_laws.json whose n_opt_fit is the expected optimum instead."});
  }
};

struct PlanSection {
  std::string sizes = "around_optimum";
  double span = 8.0;
  std::vector<std::vector<int64_t>> widths;
  PriorConfig prior;
  int seeds = 1;
  int64_t first_seed = 0;

  template <class V>
  void visit(V& v) {
    v("sizes",
      sizes,
      {.doc = "around_optimum: log-spaced within a factor `span` of the expected optimum of each "
              "budget; grid: one log-spaced grid from model.min_size to model.max_size for all.",
       .choices = {"around_optimum", "grid"}});
    v("span",
      span,
      {.doc = "Largest size over the expected optimum, and the optimum over the smallest.",
       .min = 1.01,
       .max = 1e6});
    v("widths",
      widths,
      {.doc = "The widths (d_model) of each budget, one list per budget, smallest budget first; if "
              "given, no shape is searched and depth is model.num_layers.",
       .unit = "features",
       .min = 1,
       .max = static_cast<double>(cost::kMaxWidth)});
    v("prior", prior, {.doc = "Where the optimum is expected."});
    v("seeds",
      seeds,
      {.doc = "Runs per point, each with its own initialisation and data order.",
       .min = 1,
       .max = 1000});
    v("first_seed", first_seed, {.doc = "Seed of the first of them.", .min = 0, .max = 1e18});
  }
};

struct ModelSection {
  std::string count = "matmul";
  std::string shapes = "search";
  double min_size = 1e3;
  double max_size = 1e12;
  std::optional<int64_t> num_layers = 2;
  std::optional<int64_t> vocab_size;
  int64_t head_size = 8;
  double ffn_ratio = 4.0;

  template <class V>
  void visit(V& v) {
    v("count",
      count,
      {.doc =
           "What model_size counts: matmul = blocks and head, so that 6ND is close to C; total = "
           "the embedding too; non_embedding = blocks only.",
       .choices = {"matmul", "total", "non_embedding"}});
    v("shapes",
      shapes,
      {.doc = "search: find width and depth for each size; none: plan abstract sizes, which only "
              "mode=mock can run.",
       .choices = {"search", "none"}});
    v("min_size",
      min_size,
      {.doc = "Smallest model.", .unit = "parameters", .min = 1.0, .max = kMaxModelSize});
    v("max_size",
      max_size,
      {.doc = "Largest model.", .unit = "parameters", .min = 1.0, .max = kMaxModelSize});
    v("num_layers",
      num_layers,
      {.doc = "Number of blocks of every model; null = searched within architecture.min_layers and "
              "max_layers at the aspect ratio architecture.aspect_ratio.",
       .min = 1,
       .max = 1000});
    v("vocab_size",
      vocab_size,
      {.doc = "Rows of embedding and head; null = what the dataset's tokenizer has.",
       .min = 2,
       .max = static_cast<double>(cost::kMaxVocab)});
    v("head_size",
      head_size,
      {.doc = "Features per attention head, the same in every model.", .min = 2, .max = 1024});
    v("ffn_ratio", ffn_ratio, {.doc = "d_ff / d_model of the SwiGLU.", .min = 0.1, .max = 64.0});
  }
};

struct ArchitectureSection {
  int64_t d_model_multiple = 8;
  int64_t min_layers = 1;
  int64_t max_layers = 128;
  double aspect_ratio = 64.0;
  std::vector<int64_t> head_options;

  template <class V>
  void visit(V& v) {
    v("d_model_multiple",
      d_model_multiple,
      {.doc = "d_model is a multiple of this (and of head_size).", .min = 1, .max = 65536});
    v("min_layers",
      min_layers,
      {.doc = "Fewest blocks the search may use.", .min = 1, .max = 1000});
    v("max_layers", max_layers, {.doc = "Most blocks the search may use.", .min = 1, .max = 1000});
    v("aspect_ratio",
      aspect_ratio,
      {.doc = "d_model per block that the search aims at when model.num_layers is null.",
       .min = 1.0});
    v("head_options", head_options, {.doc = "Allowed numbers of heads; empty = any.", .min = 1});
  }
};

struct ScheduleSection {
  double batch_factor = 0.3;
  double batch_exponent = 0.571;
  double batch_min_tokens = 512;
  double batch_max_tokens = 8192;
  std::optional<int64_t> batch_size;
  double warmup_fraction = 0.1;
  int64_t min_steps = 20;

  template <class V>
  void visit(V& v) {
    v("batch_factor",
      batch_factor,
      {.doc = "f of the batch rule B = f D^batch_exponent, in tokens.", .min = 1e-6});
    v("batch_exponent",
      batch_exponent,
      {.doc = "Exponent of the batch rule (Step Law: 0.571).", .min = 0.0, .max = 1.0});
    v("batch_min_tokens",
      batch_min_tokens,
      {.doc = "Smallest batch of the rule.", .unit = "tokens", .min = 1, .max = kMaxBatchTokens});
    v("batch_max_tokens",
      batch_max_tokens,
      {.doc = "Largest batch of the rule.", .unit = "tokens", .min = 1, .max = kMaxBatchTokens});
    v("batch_size",
      batch_size,
      {.doc = "If given, the batch of every run, in place of the rule.",
       .unit = "sequences",
       .min = 1,
       .max = kMaxBatchTokens});
    v("warmup_fraction",
      warmup_fraction,
      {.doc = "Share of the steps that warm the learning rate up linearly.",
       .min = 0.0,
       .max = 0.9});
    v("min_steps",
      min_steps,
      {.doc = "Refuse runs of fewer optimizer steps; they would not be training.", .min = 1});
  }
};

struct LrSchedule {
  double base_lr = 0.85;
  double base_size = 1e7;
  double lr_power = 0.0;
  double base_steps = 1500;
  double steps_power = 0.3;

  template <class V>
  void visit(V& v) {
    v("base_lr",
      base_lr,
      {.doc = "Learning rate eta of a model of base_size trained for base_steps. Under u-muP one "
              "value serves all widths.",
       .min = 1e-12});
    v("base_size",
      base_size,
      {.doc = "Model size at which base_lr holds.", .unit = "parameters", .min = 1.0});
    v("lr_power",
      lr_power,
      {.doc = "eta falls with model size as (base_size / N)^lr_power; 0 = it does not.",
       .min = -2.0,
       .max = 2.0});
    v("base_steps",
      base_steps,
      {.doc = "Run length at which base_lr holds.", .unit = "steps", .min = 1.0});
    v("steps_power",
      steps_power,
      {.doc = "eta falls with run length as (base_steps / steps)^steps_power; 0 = it does not.",
       .min = -2.0,
       .max = 2.0});
  }
};

struct HardwareSection {
  std::optional<int64_t> num_threads;
  std::string predict_time = "auto";

  template <class V>
  void visit(V& v) {
    v("num_threads",
      num_threads,
      {.doc = "Cores that ff-train will use, for the predicted time; null = all of this machine.",
       .min = 1,
       .identity = false});
    v("predict_time",
      predict_time,
      {.doc =
           "auto: train each model for a moment on all cores at once, to predict the time of the "
           "sweep (kept in ~/.cache/flops-fit/speed.json); off: predict nothing.",
       .choices = {"auto", "off"},
       .identity = false});
  }
};

struct OutputSection {
  std::string sweep_path = "${output_dir}/sweep.json";

  template <class V>
  void visit(V& v) {
    v("sweep_path", sweep_path, {.doc = "Where the plan is written.", .identity = false});
  }
};

struct PlanConfig {
  std::string output_dir = "outputs";
  SweepSection sweep;
  ComputeGrid compute;
  PlanSection plan;
  ModelSection model;
  ArchitectureSection architecture;
  ScheduleSection schedule;
  LrSchedule lr_schedule;
  data::DatasetConfig dataset;
  HardwareSection hardware;
  OutputSection output;

  template <class V>
  void visit(V& v) {
    v("output_dir",
      output_dir,
      {.doc = "Folder of all files of a sweep; the paths of every stage start from it.",
       .identity = false});
    v("sweep", sweep, {.doc = "What kind of sweep."});
    v("compute", compute, {.doc = "Training budgets."});
    v("plan", plan, {.doc = "Which sizes to train at each budget."});
    v("model", model, {.doc = "The models."});
    v("architecture", architecture, {.doc = "Limits of the shape search."});
    v("schedule", schedule, {.doc = "Batch size and steps."});
    v("lr_schedule", lr_schedule, {.doc = "Learning rate by model size."});
    v("dataset", dataset, {.doc = "The corpus: sets vocabulary and sequence length."});
    v("hardware", hardware, {.doc = "The machine that will train."});
    v("output", output, {.doc = "Files written."});
  }
};

}  // namespace ff::plan
