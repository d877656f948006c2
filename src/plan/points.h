// SPDX-License-Identifier: MIT
#pragma once
// What both kinds of sweep are made of: one experiment from a shape and its tokens.
#include "flops_fit/cost/transformer.h"
#include "flops_fit/io/sweep.h"
#include "flops_fit/plan/config.h"

#include <cstdint>
#include <string_view>

namespace ff::plan {

/// Training FLOPs per token as compute.flops_formula counts them.
[[nodiscard]] double flops_per_token(const cost::Architecture& shape, const PlanConfig& config);

/// An experiment that trains `shape` on about `tokens` tokens, rounded to whole batches. Its id,
/// budget, learning rate and seed are the caller's. Throws ConfigError (make_run_length).
[[nodiscard]] io::Experiment shaped_experiment(const cost::Architecture& shape,
                                               double tokens,
                                               const PlanConfig& config);

/// model.vocab_size, or what the dataset's tokenizer has.
[[nodiscard]] int64_t vocab_size_of(const PlanConfig& config);

/// Throws ConfigError unless heads of model.head_size fill `d_model`, a value of `key`.
void check_width(std::string_view key, int64_t d_model, const ModelSection& model);

/// Throws ConfigError for a learning rate that is no positive number, and if a plan that has `number`
/// experiments already would become too long.
void check_experiment(const io::Experiment& experiment, size_t number);

/// Throws ConfigError for an odd model.head_size.
void check_head_size(const ModelSection& model);

}  // namespace ff::plan
