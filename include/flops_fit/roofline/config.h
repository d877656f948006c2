// SPDX-License-Identifier: MIT
#pragma once
// The configuration of ff-roofline: its keys are its options, too.
#include "flops_fit/config/field.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ff::roofline {

struct RooflineConfig {
  std::vector<int64_t> input_tokens = {1};
  std::vector<int64_t> cached_tokens = {0};
  std::optional<int64_t> batch_size;
  std::string mask = "causal";
  std::string logits = "last";
  std::optional<double> w_bit, a_bit, kv_bit;
  std::optional<std::string> profile;

  std::optional<double> tokens, budget;
  bool recompute = false;
  bool remake_scores = false;
  int64_t mask_tile = 1;

  std::string hardware;
  std::optional<double> peak_flops, memory_bandwidth;
  std::optional<std::string> precision;
  std::optional<int64_t> threads;

  std::string modules = "ff_modules.json";
  std::vector<std::string> analyzer;
  double analyzer_timeout_s = 600.0;
  std::vector<std::string> analyzer_env;

  std::string config;
  std::string output;

  template <class V>
  void visit(V& v) {
    v("input_tokens",
      input_tokens,
      {.doc = "New tokens of each query; for training, the length of a sequence.",
       .unit = "tokens",
       .min = 1});
    v("cached_tokens",
      cached_tokens,
      {.doc = "Tokens of each query that are in the cache.", .unit = "tokens", .min = 0});
    v("batch_size",
      batch_size,
      {.doc = "Queries; the two lists are repeated up to it. null = as many as the lists have.",
       .min = 1,
       .max = 1e6});
    v("mask",
      mask,
      {.doc = "causal counts the (query, key) pairs that attention sees, full counts all.",
       .choices = {"causal", "full"}});
    v("logits",
      logits,
      {.doc = "Whose logits are computed: each query's last token's, or all.",
       .choices = {"last", "all"}});
    v("w_bit", w_bit, {.doc = "Bits of a weight; null = the model's own.", .min = 0.5, .max = 64});
    v("a_bit",
      a_bit,
      {.doc = "Bits of an activation; null = the model's own.", .min = 0.5, .max = 64});
    v("kv_bit",
      kv_bit,
      {.doc = "Bits of a key or value in the cache; null = a_bit.", .min = 0.5, .max = 64});
    v("profile",
      profile,
      {.doc = "exact counts what is computed; compat what the Transformer Roofline Analyzer "
              "(table) and LM-Predictor (arch, populate, analyze) count, errors included. null = "
              "compat for table, exact elsewhere.",
       .choices = {"exact", "compat"}});
    v("tokens", tokens, {.doc = "Training tokens D.", .unit = "tokens", .min = 1});
    v("budget",
      budget,
      {.doc = "Training compute C, from which D follows.", .unit = "FLOP", .min = 1});
    v("recompute",
      recompute,
      {.doc = "Blocks are computed again in the backward pass (activation checkpointing)."});
    v("remake_scores",
      remake_scores,
      {.doc = "The backward pass makes attention's scores again (flash attention)."});
    v("mask_tile",
      mask_tile,
      {.doc = "Attention kernels skip masked pairs in tiles of so many tokens; 1 = pair by pair, "
              "which is what the model needs.",
       .unit = "tokens",
       .min = 1,
       .max = 65536});
    v("hardware",
      hardware,
      {.doc = "A machine: a name of conf/hardware (h100), or a YAML file like those."});
    v("peak_flops",
      peak_flops,
      {.doc = "In place of the machine's peak.", .unit = "FLOP/s", .min = 1});
    v("memory_bandwidth",
      memory_bandwidth,
      {.doc = "In place of the machine's bandwidth.", .unit = "B/s", .min = 1});
    v("precision",
      precision,
      {.doc = "Whose peak counts; null = that of the activations' type.",
       .choices = {"fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "fp4", "int8"}});
    v("threads",
      threads,
      {.doc = "Cores to calibrate; null = all that this process may use.", .min = 1, .max = 4096});
    v("modules",
      modules,
      {.doc = "Your module database, where there is one: its classes come before the built-in."});
    v("analyzer",
      analyzer,
      {.doc = "A program, with its arguments, that is asked for the entry of an unknown class: "
              "JSON on its stdin and stdout. [] = none."});
    v("analyzer_timeout_s",
      analyzer_timeout_s,
      {.doc = "How long it may take.", .unit = "s", .min = 0.1, .max = 86400});
    v("analyzer_env",
      analyzer_env,
      {.doc = "Names of variables with secrets that it needs (its own key). Without being named "
              "here, no variable called ..._KEY, ..._TOKEN, ..._SECRET or ..._PASSWORD reaches it, "
              "nor one that api.key_env names."});
    v("config", config, {.doc = "The config.json that populate takes parameters from."});
    v("output",
      output,
      {.doc = "A file for the result (JSON, or the machine's YAML); empty = none."});
  }
};

}  // namespace ff::roofline
